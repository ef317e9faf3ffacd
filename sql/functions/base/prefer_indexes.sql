-- Plan without sequential scans, join row by row, and once for all parameters, until the end of the transaction.
-- For everything that clients call, and what follows from it: `spend` and `lock_user` begin with this. A session
-- plans a statement once, perhaps at night, when a table is empty and reading all of it is cheapest. Then
-- thousands of users come within a second, and until the next analyze each statement would read all that the
-- others wrote. A plan for the parameters at hand is a little cheaper for some of them, and making it costs more
-- than the statement. By set_config: as a clause of the function it costs a third of a claim.
create or replace function prefer_indexes() returns text
language sql volatile as $$
    select set_config('enable_seqscan', 'off', true) || set_config('enable_hashjoin', 'off', true)
           || set_config('enable_mergejoin', 'off', true) || set_config('plan_cache_mode', 'force_generic_plan', true)
$$;
