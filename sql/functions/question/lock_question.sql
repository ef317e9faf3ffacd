-- Keep a question from being closed or cancelled until the transaction ends, as `share_bonus` does for a bonus.
create or replace function share_question(p_question_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock_shared(hashtextextended(p_question_id::text, 3)) $$;

-- Keep all answers to a question out until the transaction ends. Those that are under way are written before.
create or replace function lock_question(p_question_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock(hashtextextended(p_question_id::text, 3)) $$;
