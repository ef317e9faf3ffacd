-- name: question
-- A question and its tally so far; no row if there is none.
-- $1 question_id
select q.question_id, q.text, q.options, q.correct, q.audience, q.resource,
       ms(q.opens_at) as opens_at, ms(q.expires_at) as expires_at, q.reward,
       milliseconds(q.claim_within) as claim_within_ms, q.bonus_id, ms(q.created_at) as created_at,
       ms(q.closed_at) as closed_at, author_of(q.question_id) as ordered_by,
       question_state(q, clock.now) as state, to_jsonb(tally_of(q)) as tally, q.result_id, ms(clock.now) as server_now
  from questions q, (select clock_timestamp() as now) as clock
 where q.question_id = $1;
