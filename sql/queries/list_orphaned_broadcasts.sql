-- name: list_orphaned_broadcasts
-- Broadcasts that are not over and that no worker works on: they are not in the queue (the newest are left
-- to their creator), or their messages are lost, or all of their workers have died. Returns broadcast_id,
-- kind, round. Scheduled ones, too, that are due within a minute or should have been made. What is later than
-- now, or than a lease may end, is of before the clock went back.
(select b.broadcast_id, b.kind, coalesce(s.round, 1) as round
  from broadcasts b
       left join lateral (
           select max(round) as round,
                  min(coalesce(held_until, '-infinity')) filter (where done_at is null) as silent_since
             from broadcast_shards s where s.broadcast_id = b.broadcast_id) as s on true,
       (select clock_timestamp() as now) as clock
 where b.expires_at > clock.now
   and case when b.queued_at is null
            then b.at not between clock.now - interval '10 seconds' and clock.now
                 or b.kind = 'progress' or exists (select from bonuses o where o.bonus_id = b.bonus_id and o.rule_id is not null)
            else b.queued_at not between clock.now - interval '15 seconds' and clock.now
                 and (s.round is null or s.silent_since not between clock.now - interval '15 seconds'
                                                                and clock.now + interval '1 minute') end
 order by b.expires_at limit 1000)
union all
(select s.broadcast_id, case s.step when 'bonus' then 'offer' else 'news' end, 1
  from scheduled_broadcasts s
 where s.due_at < clock_timestamp() + case when s.queued_at is null then interval '1 minute'
                                           else interval '-10 seconds' end
 order by s.due_at limit 1000);
