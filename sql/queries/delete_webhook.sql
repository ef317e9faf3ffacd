-- name: delete_webhook
-- A webhook is told of nothing more. No row: there is none.
-- $1 webhook_id
delete from webhooks where webhook_id = $1 returning webhook_id;
