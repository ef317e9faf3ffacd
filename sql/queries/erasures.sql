-- name: erasures
-- All erasures, the newest first, those under way included.
-- $1 before_asked_at  $2 before_erasure_id  $3 limit
select erasure_id, pseudonym, author, keep_mentions, ms(asked_at) as asked_at, ms(done_at) as done_at, counts,
       (extract(epoch from asked_at) * 1000000)::bigint as position
  from erasures where (asked_at, erasure_id) < ($1, $2)
 order by asked_at desc, erasure_id desc limit $3;
