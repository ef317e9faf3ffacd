-- Add sessions that have been finalized to what their users have watched, per resource and anything (''), and to
-- their progress of campaigns, by both clocks. Not the rows of corrections: `correct_totals` adds what those
-- change, and progress stays as it was recorded. The trigger of past_sessions calls it once per statement. In one order,
-- so two callers cannot deadlock.
create or replace function add_watch_totals() returns trigger language plpgsql as $$
begin
    perform prefer_indexes();
    insert into watch_totals as t (user_id, resource, watched, hidden, last_month, first_at, first_visible_at)
        select user_id, coalesce(resource, ''), sum(ended_at - joined_at), sum(hidden_length(joined_at, ended_at, visible)),
               date_trunc('month', max(ended_at) at time zone 'UTC'), min(joined_at), min(first_visible(joined_at, ended_at, visible))
          from finalized where revision = 0 group by grouping sets ((user_id), (user_id, resource)) order by 1, 2
        on conflict (user_id, resource) do update
           set watched = t.watched + excluded.watched, hidden = t.hidden + excluded.hidden,
               last_month = greatest(t.last_month, excluded.last_month), first_at = least(t.first_at, excluded.first_at),
               first_visible_at = least(t.first_visible_at, excluded.first_visible_at);
    -- Anything counts once, however many sessions have it: only what no other session has is added. A statement of
    -- its own: the rows above are locked now, so it sees all past sessions of these users, and no other caller
    -- adds one. A pair and its upper bound say "this user's since then", and only the index by users can answer
    -- that. Said by "=" and ">", the one by ended_at can as well: on a small table the planner takes either, and
    -- keeps that plan when a crowd has come.
    with added as materialized (
        select n.user_id, n.whole, n.hidden, n.times - coalesce(others.times, '{}') as times,
               n.shown - coalesce(others.shown, '{}') as shown,
               n.times - coalesce(others.recorded, '{}') as recorded,
               n.shown - coalesce(others.recorded_shown, '{}') as recorded_shown
          from (select user_id, min(joined_at) as since, sum(ended_at - joined_at) as whole,
                       sum(hidden_length(joined_at, ended_at, visible)) as hidden, range_agg(tstzrange(joined_at, ended_at)) as times,
                       range_agg(counted_times(joined_at, ended_at, visible, true)) as shown,
                       array_agg((id, ended_at)) as keys
                  from finalized where revision = 0 group by user_id) as n,
               lateral (select range_agg(t.whole) filter (where p.replaced_by is null) as times,
                               range_agg(t.shown) filter (where p.replaced_by is null) as shown,
                               range_agg(t.whole) filter (where p.revision = 0) as recorded,
                               range_agg(t.shown) filter (where p.revision = 0) as recorded_shown
                          from past_sessions p,
                               lateral (select tstzrange(p.joined_at, p.ended_at) as whole,
                                               counted_times(p.joined_at, p.ended_at, p.visible, true) as shown) as t
                         where (p.user_id, p.ended_at) > (n.user_id, n.since) and p.user_id <= n.user_id
                           and (p.id, p.ended_at) <> all (n.keys)) as others
    ),
    counted_once as (
        -- All of these rows exist. An update would join them, in either order: while the table is small, that of
        -- all rows of `added` for each of its own looks as good.
        insert into watch_totals as t (user_id, resource, watched, hidden, last_month)
            select user_id, '', whole - length_of(times), hidden - (length_of(times) - length_of(shown)), date '-infinity'
              from added where whole > length_of(times)
            on conflict (user_id, resource) do update
               set watched = t.watched - excluded.watched, hidden = t.hidden - excluded.hidden
    )
    insert into campaign_progress as p (campaign_id, user_id, watched, daily)
        select c.campaign_id, t.user_id, sum(length_of(t.counted)) as watched,
               case when c.timezone is not null then daily_of(array_agg(t.counted), c.starts_at, c.timezone) end
          from (select c.campaign_id, a.user_id, case when c.is_visible then a.recorded_shown else a.recorded end * c.times as counted
                  from campaigns c, added a
                 where c.settled_at is null and c.resources is null and not c.is_each
                union all
                select c.campaign_id, n.user_id, (n.times - coalesce(o.times, '{}')) * c.times
                  from campaigns c,
                       lateral (select f.user_id, min(f.joined_at) as since, array_agg((f.id, f.ended_at)) as keys,
                                       range_agg(counted_times(f.joined_at, f.ended_at, f.visible, c.is_visible)) as times
                                  from finalized f where f.revision = 0 and f.resource = any (c.resources)
                                 group by f.user_id) as n,
                       lateral (select range_agg(counted_times(p.joined_at, p.ended_at, p.visible, c.is_visible)) as times
                                  from past_sessions p
                                 where (p.user_id, p.ended_at) > (n.user_id, n.since) and p.user_id <= n.user_id
                                   and p.revision = 0 and c.resources @> array[p.resource]
                                   and (p.id, p.ended_at) <> all (n.keys)) as o
                 where c.settled_at is null and cardinality(c.resources) > 1 and not c.is_each
                union all
                select c.campaign_id, f.user_id,
                       counted_times(f.joined_at, f.ended_at, f.visible, c.is_visible) * c.times
                  from campaigns c join finalized f on c.resources is null or f.resource = any (c.resources)
                 where c.settled_at is null and (c.is_each or cardinality(c.resources) = 1) and f.revision = 0
               ) as t
               join campaigns c on c.campaign_id = t.campaign_id
         where not isempty(t.counted) and (c.test_user_ids is null or t.user_id = any (c.test_user_ids))
         group by c.campaign_id, t.user_id order by 1, 2
        on conflict (campaign_id, user_id) do update
           set watched = p.watched + excluded.watched, daily = sum_daily(p.daily, excluded.daily);
    return null;
end $$;
