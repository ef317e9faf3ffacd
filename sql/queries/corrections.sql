-- name: corrections
-- Corrections, the newest first, as `correction` has them; position: $1 for the page behind it, in microseconds.
-- $1 before_at  $2 before_correction_id ('infinity' and the largest: from the start)
-- $3 user_id  $4 session_id (null: of all)  $5 begins  $6 ends: made within ('-infinity' and 'infinity': at any time)
-- $7 limit
select c.correction_id, c.session_id, c.user_id, c.resource, c.revision, times_json(c.times) as times, c.reason,
       c.author, ms(c.at) as at, is_in_force(c) as is_in_force,
       (extract(epoch from c.at) * 1000000)::bigint as position
  from corrections c
 where (c.at, c.correction_id) < ($1, $2)
   and ($3::text is null or c.user_id = $3) and ($4::bigint is null or c.session_id = $4)
   and c.at >= $5 and c.at < $6
 order by c.at desc, c.correction_id desc limit $7;
