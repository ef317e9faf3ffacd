-- name: service_keys
-- All keys, without their hashes: there are a hundred at most.
select key_id, name, scopes, ms(created_at) as created_at, ms(expires_at) as expires_at, ms(used_at) as used_at,
       case when previous_until > clock_timestamp() then ms(previous_until) end as old_valid_until,
       requests_per_minute
  from service_keys order by name, created_at, key_id;
