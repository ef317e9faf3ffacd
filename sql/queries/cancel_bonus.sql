-- name: cancel_bonus
-- No claim that begins after this is granted. Returns outcome: cancelled, already_cancelled, expired, or
-- null for no such bonus.
-- $1 bonus_id  $2 broadcast_id, under which its audience is told
select cancel_bonus($1, $2) as outcome;
