-- A user's sessions: open, within their grace, and past; as those were corrected, or as they were recorded.
create or replace function sessions_of(p_user_id text, p_corrected boolean default true) returns setof sessions
language sql stable rows 20 as $$
    select id, user_id::text, resource::text, joined_at, ended_at, ended_by,
           case when ended_at is not null then ended_within end, away_since, shown_times(w)
      from watching_times w where user_id = p_user_id
    union all
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible
      from read_past(p_corrected) where user_id = p_user_id
$$;

-- How long a user has watched a resource up to p_now, by either clock. It is inlined into its caller.
create or replace function watched_on(p_user_id text, p_resource text, p_now timestamptz)
returns table (connected interval, visible interval) language sql stable rows 1 as $$
    select coalesce(t.watched, '0') + coalesce(ends_at - w.joined_at, '0'),
           coalesce(t.watched - t.hidden, '0')
           + coalesce(visible_length(shown_times(w), w.joined_at, ends_at), '0')
      from (values (1)) as one
           left join watch_totals t on t.user_id = p_user_id and t.resource = p_resource
           left join watching_times w on w.user_id = p_user_id and w.resource = p_resource,
           lateral (select coalesce(w.ended_at, greatest(p_now, w.joined_at)) as ends_at) as each
$$;

-- How long a user has watched a resource (null: anything, see `unfinalized`): the total of the sessions that were
-- finalized, and what the others add up to p_now. Also what was in months that are dropped by now. With p_visible
-- only what was visible.
create or replace function watched(p_user_id text, p_resource text, p_visible boolean, p_now timestamptz)
returns interval language plpgsql stable as $$
begin
    -- One statement each: a session that is being finalized is in one of the two. And one for each question: what
    -- serves both is planned again for each call, which takes longer than to answer.
    if p_resource is not null then
        return (select case when p_visible then w.visible else w.connected end
                  from watched_on(p_user_id, p_resource, p_now) as w);
    end if;
    perform prefer_indexes();
    if p_visible then
        return (
            select coalesce((select t.watched - t.hidden from watch_totals t
                              where t.user_id = p_user_id and t.resource = ''), '0') + u.watched
              from unfinalized(p_user_id, null, '-infinity', p_now, p_visible => true) as u);
    end if;
    return (
        select coalesce((select t.watched from watch_totals t
                          where t.user_id = p_user_id and t.resource = ''), '0') + u.watched
          from unfinalized(p_user_id, null, '-infinity', p_now) as u);
end $$;

create or replace function watched(p_user_id text, p_resource text, p_now timestamptz)
returns interval language sql stable as $$ select watched(p_user_id, p_resource, false, p_now) $$;
