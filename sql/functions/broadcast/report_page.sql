-- Record that a page is done. If another worker has the shard by now, because the page took longer than
-- the lease, only the numbers are added. The same report again changes nothing.
create or replace function report_page(
    p_broadcast_id uuid, p_round integer, p_worker uuid, p_shard integer, p_page integer,
    p_sent integer, p_gone integer, p_undelivered integer, p_dropped integer, p_now timestamptz
) returns void language sql as $$
    update broadcast_shards s
       set sent = sent + p_sent, gone = gone + p_gone, undelivered = undelivered + p_undelivered,
           dropped = dropped + p_dropped,
           after_user_id = case when worker = p_worker then reading_user_id else after_user_id end,
           after_resource = case when worker = p_worker then reading_resource else after_resource end,
           done_at = case when worker = p_worker and reading_is_last then p_now else done_at end,
           reading_user_id = case when worker <> p_worker then reading_user_id end
     where s.broadcast_id = p_broadcast_id and s.round = p_round and s.shard = p_shard
       and (worker <> p_worker or (page = p_page and reading_user_id is not null))
$$;
