-- name: create_bonus
-- A new bonus; the same bonus_id again changes nothing.
-- $1 bonus_id  $2 reward  $3 audience  $4 resource  $5 user_ids  $6 opens_in  $7 window  $8 stock
-- $9 min_watched
select create_bonus($1, $2, $3, $4, $5, $6, $7, $8, $9);
