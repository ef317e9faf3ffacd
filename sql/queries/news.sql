-- name: news
-- All news that is kept but the server's own, the newest first, with how far its audience has been told. seq: $1 for the page behind it.
-- $1 before_seq  $2 limit
select b.broadcast_id, b.kind, b.news, b.audience, b.resource, ms(b.at) as at, ms(b.expires_at) as expires_at,
       ms(b.cancelled_at) as cancelled_at, b.queued_at is not null as is_queued,
       author_of(b.broadcast_id) as ordered_by,
       p.rounds, p.shards, p.shards_done, p.sent, p.gone, p.undelivered, p.dropped, p.is_done, p.done_at,
       ms(clock_timestamp()) as server_now, b.seq
  from (select * from broadcasts c
         where c.kind = 'news' and not c.news ? 'cancels' and c.news ->> 'type' not like '%.%' and c.seq < $1
         order by c.seq desc limit $2) as b
       cross join lateral broadcast_progress(b.broadcast_id) as p
 order by b.seq desc;
