-- Add sessions that have been finalized to what their users have watched: per resource, and anything (''). The
-- trigger of past_sessions calls it once per statement. In one order, so two callers cannot deadlock.
create or replace function add_watch_totals() returns trigger language plpgsql as $$
begin
    insert into watch_totals as t (user_id, resource, watched, last_month)
        select user_id, coalesce(resource, ''), sum(ended_at - joined_at),
               date_trunc('month', max(ended_at) at time zone 'UTC')
          from finalized group by grouping sets ((user_id), (user_id, resource)) order by 1, 2
        on conflict (user_id, resource) do update
           set watched = t.watched + excluded.watched,
               last_month = greatest(t.last_month, excluded.last_month);
    -- Anything counts once, however many sessions have it: take off what others have, too. A statement of its own:
    -- the rows above are locked now, so it sees all past sessions of these users, and no other caller adds one.
    update watch_totals t set watched = t.watched - o.overlap
      from (select n.user_id, n.whole - length_of(n.times - coalesce(others.times, '{}')) as overlap
              from (select user_id, min(joined_at) as since, sum(ended_at - joined_at) as whole,
                           range_agg(tstzrange(joined_at, ended_at)) as times, array_agg((id, ended_at)) as keys
                      from finalized group by user_id) as n,
                   lateral (select range_agg(tstzrange(p.joined_at, p.ended_at)) as times from past_sessions p
                             where p.user_id = n.user_id and p.ended_at > n.since
                               and (p.id, p.ended_at) <> all (n.keys)) as others) as o
     where o.overlap > interval '0' and t.user_id = o.user_id and t.resource = '';
    return null;
end $$;
