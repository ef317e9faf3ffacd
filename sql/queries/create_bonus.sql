-- name: create_bonus
-- A new bonus. Returns bonus_id.
-- $1 reward  $2 audience  $3 resource  $4 user_ids  $5 opens_in  $6 window  $7 stock  $8 min_watched
select create_bonus($1, $2, $3, $4, $5, $6, $7, $8) as bonus_id;
