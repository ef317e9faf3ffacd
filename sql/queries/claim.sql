-- name: claim
-- A user claims a bonus. Returns outcome, server_now, epoch, event, others.
-- $1 user_id  $2 claim_id  $3 bonus_id
select * from claim($1, $2, $3);
