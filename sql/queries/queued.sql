-- name: queued
-- A bonus' broadcast is in the queue.
-- $1 bonus_id
update bonuses set queued_at = clock_timestamp() where bonus_id = $1 and queued_at is null;
