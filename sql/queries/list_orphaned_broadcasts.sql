-- name: list_orphaned_broadcasts
-- Broadcasts that are not over and that no worker works on: they are not in the queue (the newest are left
-- to their creator), or their messages are lost, or all of their workers have died. Returns broadcast_id,
-- kind, round.
select b.broadcast_id, b.kind, coalesce(s.round, 1) as round
  from broadcasts b
       left join lateral (
           select max(round) as round,
                  min(coalesce(held_until, '-infinity')) filter (where done_at is null) as silent_since
             from broadcast_shards s where s.broadcast_id = b.broadcast_id) as s on true
 where b.expires_at > clock_timestamp()
   and case when b.queued_at is null
            then b.at < clock_timestamp() - interval '10 seconds'
                 or exists (select from bonuses o where o.bonus_id = b.bonus_id and o.rule_id is not null)
            else b.queued_at < clock_timestamp() - interval '15 seconds'
                 and (s.round is null or s.silent_since < clock_timestamp() - interval '15 seconds') end
 order by b.expires_at limit 1000;
