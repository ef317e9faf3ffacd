-- name: delete_service_key
-- A key opens nothing more. No row: there is none.
-- $1 key_id
delete from service_keys where key_id = $1 returning key_id;
