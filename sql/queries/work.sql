-- name: work
-- What goes on behind the scenes: when the sweep last began a cycle, since when presence events and broadcasts wait, up to
-- where quarter hours are summed up; null: never, or none. nodes: those that cannot be reached, as JSON [{node, since}, …].
-- errors: what failed within the last hour, by code, the latest first, as JSON [{source, code, count, last_at}, …]: of the
-- thousand broadcasts that end last, and of the newest thousand deliveries of each webhook.
select ms(clock.now) as server_now,
       (select ms(cycle_started_at) from sweep_cursor where cycle_started_at > 'epoch') as swept_at,
       (select ms(min(due_at)) from presence_outbox where due_at < clock.now) as presence_events_since,
       (select ms(min(at)) from broadcasts
         where expires_at > clock.now and queued_at is null and cancelled_at is null) as broadcasts_since,
       (select ms(rolled_up_to) from rollup_state where rolled_up_to > '-infinity') as rolled_up_to,
       (select coalesce(json_agg(n), '[]')
          from (select node, ms(since) as since from unreachable_nodes order by node limit 100) as n) as nodes,
       (select coalesce(json_agg(e), '[]') from (
           select 'webhooks' as source, d.error as code, count(*) as count, ms(max(d.last_at)) as last_at
             from webhooks w, lateral (select * from webhook_deliveries o where o.webhook_id = w.webhook_id
                                        order by o.seq desc limit 1000) as d
            where d.error is not null and d.last_at > clock.now - interval '1 hour' group by d.error
           union all
           select 'broadcasts', f.code, sum(f.count), ms(max(coalesce(s.done_at, b.at)))
             from (select broadcast_id, at from broadcasts where expires_at > clock.now - interval '1 hour'
                    order by expires_at desc limit 1000) as b
                  join broadcast_shards s using (broadcast_id),
                  lateral (values ('undelivered', s.undelivered), ('dropped', s.dropped)) as f(code, count)
            where f.count > 0 and coalesce(s.done_at, b.at) > clock.now - interval '1 hour' group by f.code
           order by last_at desc, source, code limit 20) as e) as errors
  from (select clock_timestamp() as now) as clock;
