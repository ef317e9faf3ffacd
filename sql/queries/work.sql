-- name: work
-- What goes on behind the scenes: when the sweep last began a cycle, since when presence events and broadcasts wait, up to
-- where quarter hours are summed up; null: never, or none. nodes: those that cannot be reached, as JSON [{node, since}, …].
select ms(clock.now) as server_now,
       (select ms(cycle_started_at) from sweep_cursor where cycle_started_at > 'epoch') as swept_at,
       (select ms(min(due_at)) from presence_outbox where due_at < clock.now) as presence_events_since,
       (select ms(min(at)) from broadcasts
         where expires_at > clock.now and queued_at is null and cancelled_at is null) as broadcasts_since,
       (select ms(rolled_up_to) from rollup_state where rolled_up_to > '-infinity') as rolled_up_to,
       (select coalesce(json_agg(n), '[]')
          from (select node, ms(since) as since from unreachable_nodes order by node limit 100) as n) as nodes
  from (select clock_timestamp() as now) as clock;
