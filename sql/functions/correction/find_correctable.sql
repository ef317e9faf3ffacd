-- What is known of a past session, and hold its rows, so that they are neither erased nor dropped meanwhile. All null
-- if the user has no such session. Recorded are joined_at, ended_at, ended_by of the last part, and visible (null: all the
-- time). In force are revision and times (null: the session did not happen). moments: all at which a row begins or
-- ends. last_at: the last of these.
create or replace function find_correctable(p_user_id text, p_session_id bigint) returns correctable
language plpgsql as $$
declare
    v_found correctable;
begin
    perform from past_sessions p where p.user_id = p_user_id and p.id = p_session_id for update;
    select max(p.resource), min(p.joined_at) filter (where p.revision = 0),
           max(p.ended_at) filter (where p.revision = 0),
           (array_agg(p.ended_by order by p.ended_at desc) filter (where p.revision = 0))[1],
           case when count(p.visible) filter (where p.revision = 0) > 0 then (
               select coalesce(range_agg(shown), '{}')
                 from read_past(false) r,
                      unnest(coalesce(r.visible, tstzmultirange(tstzrange(r.joined_at, r.ended_at)))) as shown
                where r.user_id = p_user_id and r.id = p_session_id) end,
           coalesce((select max(c.revision) from corrections c where c.session_id = p_session_id), 0),
           range_agg(tstzrange(p.joined_at, p.ended_at)) filter (where p.replaced_by is null),
           array_agg(p.joined_at) || array_agg(p.ended_at), max(p.ended_at)
      into v_found from past_sessions p where p.user_id = p_user_id and p.id = p_session_id;
    return v_found;
end $$;
