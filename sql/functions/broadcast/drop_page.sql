-- After the end of a broadcast's window, count up to p_limit of the remaining pushes of a shard as dropped.
-- In later rounds none count: their users were told before. Returns how many were counted.
create or replace function drop_page(
    p_broadcast broadcasts, p_bonus bonuses, p_shard broadcast_shards, p_limit integer, p_now timestamptz
) returns integer language sql as $$
    update broadcast_shards s
       set after_user_id = coalesce(p.user_id, after_user_id),
           after_resource = coalesce(p.resource, after_resource),
           done_at = case when p.size < p_limit then p_now end,
           dropped = dropped + case when p_shard.round = 1 then p.pushes else 0 end
      from next_page(p_broadcast, p_bonus, p_shard, p_limit, false, p_now) as p
     where s.broadcast_id = p_shard.broadcast_id and s.round = p_shard.round and s.shard = p_shard.shard
    returning case when p_shard.round = 1 then p.pushes else 0 end
$$;
