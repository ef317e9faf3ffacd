-- name: forget
-- Connections were found gone. Returns closed: how many sessions that closed.
-- $1 user_ids  $2 nodes  $3 connection_ids  $4 ended_by  (arrays, in step)  $5 grace
select forget($1, $2, $3, $4, $5) as closed;
