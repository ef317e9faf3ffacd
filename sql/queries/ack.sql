-- name: ack
-- A device of this user shows a bonus; see sql/functions/bonus/ack.sql.
-- $1 user_id  $2 bonus_id  $3 gap  $4 burst
select * from ack($1, $2, $3, $4);
