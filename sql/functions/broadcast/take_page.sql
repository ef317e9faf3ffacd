-- Give a worker the next page that is not empty: take a shard, read it, mark the page as being
-- pushed, and reserve its pushes in the budget. shard null: other workers hold what is left, or nothing is.
create or replace function take_page(
    p_broadcast broadcasts, p_bonus bonuses, p_round integer, p_worker uuid, p_limit integer,
    p_per_second integer, p_lease interval, p_now timestamptz,
    out shard integer, out page integer, out wait_ms integer, out recipients jsonb
) language plpgsql as $$
#variable_conflict use_column
declare
    v_shard broadcast_shards;
    v_read  record;
begin
    loop
        select * into v_shard from hold_shard(p_broadcast.broadcast_id, p_round, p_worker, p_lease, p_now);
        exit when not found;
        select * into v_read from next_page(p_broadcast, p_bonus, v_shard, p_limit, true, p_now);
        update broadcast_shards s
           set page = s.page + 1, reading_user_id = v_read.user_id, reading_resource = v_read.resource,
               reading_is_last = v_read.size < p_limit,
               done_at = case when v_read.size = 0 then p_now end
         where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round and s.shard = v_shard.shard
        returning s.page into page;
        if v_read.size > 0 then
            shard := v_shard.shard;
            wait_ms := take_turn(v_read.pushes, p_per_second, p_now);
            recipients := v_read.recipients;
            return;
        end if;
    end loop;
end $$;
