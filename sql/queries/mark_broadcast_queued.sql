-- name: mark_broadcast_queued
-- A broadcast is in the queue, or a worker will be woken when it is due.
-- $1 broadcast_id
with scheduled as (update scheduled_broadcasts set queued_at = clock_timestamp() where broadcast_id = $1)
update broadcasts set queued_at = clock_timestamp() where broadcast_id = $1;
