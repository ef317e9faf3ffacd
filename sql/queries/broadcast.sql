-- name: broadcast
-- A broadcast and how far it has come, over all its rounds; no row if there is none (any more).
-- $1 broadcast_id
select b.broadcast_id, b.kind, b.news, b.audience, b.resource, ms(b.at) as at, ms(b.expires_at) as expires_at,
       ms(b.cancelled_at) as cancelled_at, b.queued_at is not null as is_queued,
       author_of(b.broadcast_id) as ordered_by,
       p.rounds, p.shards, p.shards_done, p.sent, p.gone, p.undelivered, p.dropped, p.is_done, p.done_at,
       ms(clock_timestamp()) as server_now
  from broadcasts b cross join lateral broadcast_progress(b.broadcast_id) as p
 where b.broadcast_id = $1;
