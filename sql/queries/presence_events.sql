-- name: presence_events
-- The presence events after $1, in order.
-- $1 after_seq  $2 limit
select seq, type::text, session_id, user_id, resource, ms(at) as at
  from presence_events where seq > $1 order by seq limit $2;
