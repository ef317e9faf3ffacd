-- How far a broadcast has come, over all its rounds. is_done: every round so far; done_at: when the last was.
create or replace function broadcast_progress(
    p_broadcast_id uuid, out rounds integer, out shards bigint, out shards_done bigint, out sent bigint,
    out gone bigint, out undelivered bigint, out dropped bigint, out is_done boolean, out done_at bigint
) language sql stable as $$
    select coalesce(max(round), 0), count(*), count(s.done_at), coalesce(sum(s.sent), 0)::bigint,
           coalesce(sum(s.gone), 0)::bigint, coalesce(sum(s.undelivered), 0)::bigint,
           coalesce(sum(s.dropped), 0)::bigint, count(*) > 0 and count(*) = count(s.done_at),
           case when count(*) = count(s.done_at) then ms(max(s.done_at)) end
      from broadcast_shards s where s.broadcast_id = p_broadcast_id
$$;
