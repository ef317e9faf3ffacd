-- name: broadcast
-- A broadcast and how far it has come, over all its rounds; no row if there is none (any more).
-- $1 broadcast_id
select b.broadcast_id, b.kind, b.news, b.audience, b.resource, ms(b.at) as at, ms(b.expires_at) as expires_at,
       coalesce(max(s.round), 0) as rounds, count(s.shard) as shards, count(s.done_at) as shards_done,
       coalesce(sum(s.sent), 0)::bigint as sent, coalesce(sum(s.gone), 0)::bigint as gone,
       coalesce(sum(s.undelivered), 0)::bigint as undelivered, coalesce(sum(s.dropped), 0)::bigint as dropped,
       ms(max(s.done_at)) as done_at, count(s.shard) > 0 and count(*) = count(s.done_at) as is_done
  from broadcasts b left join broadcast_shards s on s.broadcast_id = b.broadcast_id
 where b.broadcast_id = $1
 group by b.broadcast_id;
