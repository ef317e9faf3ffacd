-- name: broadcast
-- A broadcast and how far it has come, over all its rounds; no row if there is none (any more).
-- $1 broadcast_id
with progress as (
    select coalesce(max(round), 0) as rounds, count(*) as shards, count(done_at) as shards_done,
           coalesce(sum(sent), 0)::bigint as sent, coalesce(sum(gone), 0)::bigint as gone,
           coalesce(sum(undelivered), 0)::bigint as undelivered,
           coalesce(sum(dropped), 0)::bigint as dropped,
           count(*) > 0 and count(*) = count(done_at) as is_done, max(done_at) as done_at
      from broadcast_shards where broadcast_id = $1
)
select b.broadcast_id, b.kind, b.news, b.audience, b.resource, ms(b.at) as at, ms(b.expires_at) as expires_at,
       b.queued_at is not null as is_queued,
       p.rounds, p.shards, p.shards_done, p.sent, p.gone, p.undelivered, p.dropped, p.is_done,
       case when p.is_done then ms(p.done_at) end as done_at
  from broadcasts b, progress p where b.broadcast_id = $1;
