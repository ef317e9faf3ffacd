-- name: sweep
-- The next page of open sessions, and move the cursor behind it; after the last page a new cycle
-- begins. Sweeps that overlap get different pages: the cursor's row is locked. One row:
--   cycle_started_at  to say with `swept` that the page has been asked for
--   has_more          the cycle is not over
--   connections       [[user_id, node, connection_id, is_expired], …] older than a minute; expired:
--                     two hours old, so that API Gateway has ended it and nobody needs to ask
-- $1 limit (sessions)
with standing as materialized (
    select user_id, resource,
           case when user_id = '' then clock_timestamp() else cycle_started_at end as started_at,
           case when user_id = '' then 0 else pages_listed end as pages_listed,
           case when user_id = '' then 0 else pages_asked end as pages_asked,
           case when user_id = '' and pages_asked = pages_listed then cycle_started_at
                else probed_since end as probed_since
      from sweep_cursor for update
),
page as materialized (
    select user_id, resource, nodes from watching_times
     where terminate_at is null
       and (user_id, resource) > ((select user_id from standing), (select resource from standing))
     order by user_id, resource limit $1
),
cycle as (select count(*) = $1 as has_more from page),
last as (select user_id, resource from page order by user_id desc, resource desc limit 1),
moved as (
    update sweep_cursor
       set (user_id, resource, cycle_started_at, pages_listed, pages_asked, probed_since) = (
           select case when has_more then last.user_id else '' end,
                  case when has_more then last.resource else '' end,
                  s.started_at, s.pages_listed + 1, s.pages_asked, s.probed_since
             from standing s cross join cycle left join last on true)
)
select s.started_at as cycle_started_at, cycle.has_more,
       (select coalesce(jsonb_agg(jsonb_build_array(p.user_id, c.node, c.connection_id,
                                  clock_timestamp() > c.opened_at + interval '2 hours')), '[]')
          from page p, connections(p.nodes) c
         where c.opened_at < clock_timestamp() - interval '1 minute') as connections
  from standing s, cycle;
