-- name: questions
-- The questions, the newest first, without what would have to be counted. position: $1 for the page behind it, in microseconds.
-- $1 before_created_at ('infinity': from the start)  $2 before_question_id  $3 limit
select q.question_id, q.text, q.options, q.correct, q.audience, q.resource,
       ms(q.opens_at) as opens_at, ms(q.expires_at) as expires_at, q.reward,
       milliseconds(q.claim_within) as claim_within_ms, q.bonus_id, ms(q.created_at) as created_at,
       ms(q.closed_at) as closed_at, author_of(q.question_id) as ordered_by,
       question_state(q, clock_timestamp()) as state,
       (extract(epoch from q.created_at) * 1000000)::bigint as position
  from questions q
 where (q.created_at, q.question_id) < ($1, $2)
 order by q.created_at desc, q.question_id desc limit $3;
