-- name: due_webhooks
-- The webhooks for which there is something to send now, and that no other worker holds.
select w.webhook_id from webhooks w
 where w.off_at is null and w.next_at <= clock_timestamp() and w.held_until <= clock_timestamp()
   and (w.done_seq < (select last_seq from webhook_log)
        or exists (select from webhook_deliveries d where d.webhook_id = w.webhook_id and d.state = 'waiting'
                      and d.due_at <= clock_timestamp()))
 order by w.webhook_id;
