-- name: service_key
-- A key, for the request that comes with it. No row: there is none, or it was deleted.
-- $1 key_id
select name, scopes, hash from service_keys where key_id = $1;
