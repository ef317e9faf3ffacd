-- name: service_key
-- A key, for the request that comes with it. No row: there is none, it was deleted, or it has expired.
-- $1 key_id
select name, scopes, hash,
       case when previous_until > clock_timestamp() then previous_hash end as previous_hash,
       requests_per_minute is not null as is_limited,
       coalesce(used_at < clock_timestamp() - interval '1 hour', true) as is_use_due
  from service_keys
 where key_id = $1 and (expires_at is null or expires_at > clock_timestamp());
