-- name: create_bonus
-- A new bonus. Returns outcome: created, repeated, conflict or window_over.
-- $1 bonus_id  $2 reward  $3 audience  $4 resource  $5 user_ids  $6 opens_in  $7 window  $8 stock
-- $9 min_watched  $10 opens_at (instead of opens_in; null)  $11 acknowledge  $12 fingerprint
select create_bonus($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as outcome;
