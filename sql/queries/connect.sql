-- name: connect
-- A connection opens. Returns outcome: opened, continued, joined, repeated, refused or too_many.
-- $1 user_id  $2 resource  $3 node  $4 connection_id  $5 ticket_id  $6 ticket_expires_at  $7 grace
-- $8 most connections per user  $9 device (null: unknown)
select connect($1, $2, $3, $4, $5, $6, $7, $8, $9) as outcome;
