-- name: rotate_webhook_secret
-- Sign with a new secret, and until then with the one before as well. No row: there is no such webhook.
-- $1 webhook_id  $2 secret  $3 old_for (how long that is)
update webhooks set secret = $2, old_secret = secret, old_until = clock_timestamp() + $3
 where webhook_id = $1 returning webhook_id;
