-- name: facts
-- The facts behind $1, in order.
-- $1 after_seq  $2 limit
select seq, fact as type, session_id, user_id, resource, ms(at) as at
  from presence_facts where seq > $1 order by seq limit $2;
