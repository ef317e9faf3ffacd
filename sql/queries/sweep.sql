-- name: sweep
-- The next open connections to look at, and move the cursor behind them; after the last user the
-- cursor starts again. Sweeps that overlap take different pages: the cursor's row is locked.
--   user_id, node, connection_id, opened_at
--   probed_since  every connection opened before it was open then
--   expired_at    two hours after opening API Gateway has ended it: gone without asking if past
--   expired
-- $1 limit (sessions)
with standing as materialized (
    select user_id, resource, probed_since,
           case when user_id = '' then clock_timestamp() else cycle_started_at end as started_at
      from sweep_cursor for update
),
page as materialized (
    select w.user_id, w.resource, w.nodes
      from standing s, watching_times w
     where w.terminate_at is null and (w.user_id, w.resource) > (s.user_id, s.resource)
     order by w.user_id, w.resource limit $1
),
last as (
    select user_id, resource from page order by user_id desc, resource desc limit 1
),
moved as (
    update sweep_cursor
       set (user_id, resource, cycle_started_at, probed_since) = (
           select case when over then '' else last.user_id end,
                  case when over then '' else last.resource end,
                  s.started_at,
                  case when over then s.started_at else s.probed_since end
             from standing s, (select count(*) < $1 from page) as cycle(over)
                  left join last on true)
)
select p.user_id, c.node, c.connection_id, c.opened_at, s.probed_since,
       c.opened_at + interval '2 hours' as expired_at,
       clock_timestamp() > c.opened_at + interval '2 hours 1 minute' as expired
  from standing s, page p, connections(p.nodes) c;
