-- name: user_events
-- The stream of a user, newest first, as far back as it is kept.
-- $1 user_id  $2 before_seq  $3 limit
select seq, type, body::text as body, patch::text as patch, ms(at) as at
  from user_events where user_id = $1 and seq < $2
 order by seq desc limit $3;
