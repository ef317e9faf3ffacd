-- name: mark_broadcast_queued
-- A broadcast is in the queue.
-- $1 broadcast_id
update broadcasts set queued_at = clock_timestamp() where broadcast_id = $1;
