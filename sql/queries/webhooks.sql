-- name: webhooks
-- All webhooks, the oldest first, and how each does: waiting are to be tried again, dead are given up; behind_ms is how
-- long the oldest event that it has not had was recorded ago.
-- $1 webhook_id (null: all)
select w.webhook_id, w.url, w.types, w.resource, ms(w.created_at) as created_at, ms(w.off_at) as off_at, w.off_by,
       ms(w.old_until) as old_until, w.delivered, ms(w.delivered_at) as delivered_at, ms(w.failing_since) as failing_since,
       (select count(*) from webhook_deliveries d where d.webhook_id = w.webhook_id and d.state = 'waiting') as waiting,
       (select count(*) from webhook_deliveries d where d.webhook_id = w.webhook_id and d.state = 'dead') as dead,
       (select (extract(epoch from greatest(clock_timestamp() - min(e.recorded_at), '0')) * 1000)::bigint from (
           (select o.recorded_at from webhook_events o
             where o.seq > w.done_seq and w.off_at is null and (o.webhook_id is null or o.webhook_id = w.webhook_id)
             order by o.seq limit 1)
           union all
           (select o.recorded_at from webhook_deliveries d join webhook_events o on o.seq = d.seq
             where d.webhook_id = w.webhook_id and d.state = 'waiting' and w.off_at is null order by d.seq limit 1)) as e
       ) as behind_ms
  from webhooks w where $1::uuid is null or w.webhook_id = $1
 order by w.created_at, w.webhook_id;
