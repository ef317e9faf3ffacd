-- name: rotate_service_key
-- A key gets a new secret, and the one before is good for a while. If that while is not over yet, only the new secret is
-- replaced: its response may have got lost, and the program still has the one before. No row: there is no such key.
-- $1 key_id  $2 hash  $3 old_valid (interval)
update service_keys
   set previous_hash = case when previous_until > clock_timestamp() then previous_hash else hash end,
       previous_until = clock_timestamp() + $3::interval,
       hash = $2
 where key_id = $1 and (expires_at is null or expires_at > clock_timestamp())
returning key_id;
