-- name: service_keys
-- All keys, without their hashes: there are a hundred at most.
select key_id, name, scopes, ms(created_at) as created_at from service_keys order by name, created_at, key_id;
