-- Take a shard for a worker: the one it held last, if it still does; else the first that is free. No row:
-- there is none. A lease that ends later than one taken now was taken before the clock went back: it is over.
create or replace function hold_shard(
    p_broadcast_id uuid, p_round integer, p_worker uuid, p_lease interval, p_now timestamptz
) returns setof broadcast_shards language sql as $$
    update broadcast_shards s
       set worker = p_worker, held_until = p_now + p_lease,
           reading_user_id = null, reading_resource = null, reading_is_last = null
     where s.broadcast_id = p_broadcast_id and s.round = p_round
       and s.shard = (select f.shard from broadcast_shards f
                       where f.broadcast_id = p_broadcast_id and f.round = p_round and f.done_at is null
                         and (f.worker = p_worker or f.held_until is null
                              or f.held_until not between p_now and p_now + p_lease)
                       order by f.worker = p_worker desc nulls last, f.shard limit 1
                       for update skip locked)
    returning s.*
$$;
