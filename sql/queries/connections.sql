-- name: connections
-- A user's open connections, the oldest first.
-- $1 user_id
select c.connection_id, c.node, c.device, w.id as session_id, w.resource, ms(c.opened_at) as opened_at,
       milliseconds(clock_timestamp() - c.opened_at) as age_ms
  from watching_times w, connections(w.nodes) c
 where w.user_id = $1
 order by c.opened_at, c.connection_id;
