-- Let go of the shard that a worker holds: the next worker goes on with it at once.
create or replace function release_shard(p_broadcast_id uuid, p_round integer, p_worker uuid) returns void
language sql as $$
    update broadcast_shards s set held_until = null
     where s.broadcast_id = p_broadcast_id and s.round = p_round and s.worker = p_worker
$$;
