-- name: connect
-- A connection opens. Returns outcome: opened, reopened, joined, repeated or refused.
-- $1 user_id  $2 resource  $3 node  $4 connection_id  $5 ticket_id  $6 ticket_expires_at  $7 grace
select connect($1, $2, $3, $4, $5, $6, $7) as outcome;
