-- A user's sessions: open, within their grace, and past; as those were corrected, or as they were recorded.
create or replace function sessions_of(p_user_id text, p_corrected boolean default true) returns setof sessions
language sql stable rows 20 as $$
    select id, user_id::text, resource::text, joined_at, ended_at, ended_by,
           case when ended_at is not null then ended_within end, away_since,
           case when visible is not null then visible + shown_now(nodes) end
      from watching_times where user_id = p_user_id
    union all
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible
      from read_past(p_corrected) where user_id = p_user_id
$$;

-- How long a user has watched a resource (null: anything, see `unfinalized`): the total of the sessions that were
-- finalized, and what the others add up to p_now. Also what was in months that are dropped by now.
create or replace function watched(p_user_id text, p_resource text, p_now timestamptz)
returns interval language plpgsql stable as $$
begin
    -- One statement each: a session that is being finalized is in one of the two. And one for each question: what
    -- serves both is planned again for each call, which takes longer than to answer.
    if p_resource is not null then
        return (
            select coalesce((select t.watched from watch_totals t
                              where t.user_id = p_user_id and t.resource = p_resource), '0')
                   + coalesce(sum(coalesce(w.ended_at, greatest(p_now, w.joined_at)) - w.joined_at), '0')
              from watching_times w where w.user_id = p_user_id and w.resource = p_resource);
    end if;
    perform prefer_indexes();
    return (
        select coalesce((select t.watched from watch_totals t
                          where t.user_id = p_user_id and t.resource = ''), '0') + u.watched
          from unfinalized(p_user_id, null, '-infinity', p_now) as u);
end $$;
