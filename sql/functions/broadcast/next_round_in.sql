-- When the next round is due, counted from p_now; null: there is none, or another worker starts it. The
-- worker that finished the last shard starts it; any other one after that worker released the shard or its
-- lease ran out, as it has if the round was done later than now: then the clock went back.
create or replace function next_round_in(
    p_broadcast broadcasts, p_bonus bonuses, p_round integer, p_worker uuid, p_lease interval,
    p_now timestamptz
) returns interval language sql stable as $$
    select greatest(interval '0', least(last.done_at, p_now) + interval '5 seconds' - p_now)
      from (select * from broadcast_shards s
             where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round
             order by s.done_at desc, s.shard desc limit 1) as last
     where p_broadcast.kind = 'offer' and p_bonus.acknowledge and p_round < 3
       and (last.worker = p_worker or last.held_until is null
            or last.done_at not between p_now - p_lease and p_now)
       -- A round that found no connection is not repeated.
       and exists (select from broadcast_shards s
                    where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round
                      and s.sent + s.gone + s.undelivered > 0)
       and not exists (select from broadcast_shards s
                        where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round + 1)
$$;
