-- name: reveals
-- The reveals, the newest first. position: $1 for the page behind it, in microseconds.
-- $1 before_created_at ('infinity': from the start)  $2 before_reveal_id  $3 limit
select r.reveal_id, r.content, r.audience, r.resource, r.connections, ms(r.reveals_at) as reveals_at,
       ms(r.key_at) as key_at, ms(r.created_at) as created_at, author_of(r.reveal_id) as ordered_by,
       reveal_state(r, clock_timestamp()) as state,
       (extract(epoch from r.created_at) * 1000000)::bigint as position
  from reveals r
 where (r.created_at, r.reveal_id) < ($1, $2)
 order by r.created_at desc, r.reveal_id desc limit $3;
