-- name: claim
-- A user claims a bonus; see sql/functions/bonus/claim.sql.
-- $1 user_id  $2 claim_id  $3 bonus_id  $4 gap  $5 burst
select * from claim($1, $2, $3, $4, $5);
