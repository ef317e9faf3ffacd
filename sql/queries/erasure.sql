-- name: erasure
-- An erasure; no row if there is none. done_at: null while it is under way.
-- $1 erasure_id
select erasure_id, pseudonym, author, keep_mentions, ms(asked_at) as asked_at, ms(done_at) as done_at, counts
  from erasures where erasure_id = $1;
