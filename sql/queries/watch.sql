-- name: watch
-- A connection moves to another resource. Returns outcome, server_now, joined_at, connections,
-- watched_ms.
-- $1 user_id  $2 node  $3 connection_id  $4 resource  $5 grace  $6 gap  $7 burst
select * from watch($1, $2, $3, $4, $5, $6, $7);
