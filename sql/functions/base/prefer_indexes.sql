-- Plan without sequential scans until the end of the transaction. For everything that clients call: a
-- session plans a statement once, perhaps at night, when a table is empty and a sequential scan is
-- cheapest. Then thousands of users come within a second, and until the next analyze each statement
-- would read all that the others wrote. By set_config: as a clause of the function it costs a third of a
-- claim.
create or replace function prefer_indexes() returns text
language sql volatile as $$ select set_config('enable_seqscan', 'off', true) $$;
