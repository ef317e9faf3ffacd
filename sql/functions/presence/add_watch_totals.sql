-- Add sessions that have been finalized to what their users have watched, per resource and ('') in all. The
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
    return null;
end $$;
