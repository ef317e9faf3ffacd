-- name: note_key_use
-- A key was used: once an hour at most, so that reading costs no write. No row: that was noted within the hour.
-- $1 key_id
update service_keys set used_at = clock_timestamp()
 where key_id = $1 and coalesce(used_at < clock_timestamp() - interval '1 hour', true)
returning key_id;
