-- Another session of the user on the resource that has some of these times; null: none has. There never are two: sums by
-- resource count each session whole. As a pair: see add_watch_totals. The resource is compared by no index: PostgreSQL 17
-- would take the one that has the sessions of all users.
create or replace function session_beside(
    p_user_id text, p_resource text, p_session_id bigint, p_times tstzmultirange
) returns bigint language sql stable as $$
    select p.id from read_past(true) p
     where (p.user_id, p.ended_at) > (p_user_id, lower(p_times)) and p.user_id <= p_user_id
       and p.resource || '' = p_resource and p.id <> p_session_id and p_times && tstzrange(p.joined_at, p.ended_at)
    union all
    select w.id from watching_times w
     where w.user_id = p_user_id and w.resource = p_resource and p_times && tstzrange(w.joined_at, w.ended_at)
     limit 1
$$;
