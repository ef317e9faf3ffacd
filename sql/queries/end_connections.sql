-- name: end_connections
-- A user's connections were closed from our side. Returns closed: how many sessions that closed.
-- $1 user_id  $2 session_id (null: all of the user's)  $3 nodes  $4 connection_ids  (in step)
select end_connections($1, $2, $3, $4) as closed;
