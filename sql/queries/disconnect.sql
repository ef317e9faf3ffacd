-- name: disconnect
-- A connection has ended. Returns closed: true if that closed the session.
-- $1 user_id  $2 node  $3 connection_id  $4 ended_by  $5 ticket_id  $6 ticket_expires_at  $7 grace
select disconnect($1, $2, $3, $4, $5, $6, $7) as closed;
