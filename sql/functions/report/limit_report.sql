-- Bound the rest of this transaction, in which a report runs, and let no setting of its role or database
-- change an answer: days are those of UTC, and a moment reads back as it is written. The database counts the
-- time itself: it needs no second connection to cancel, and stops when the caller has gone. A function,
-- because behind RDS Proxy a SET or set_config in a statement pins the connection to its client for good;
-- what a function sets for its transaction does not, and needs no reset.
-- https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html
create or replace function limit_report(p_milliseconds integer) returns void
language sql volatile as $$
    select set_config('statement_timeout', p_milliseconds::text, true),
           -- "null: all" costs nothing where the planner sees the parameter.
           set_config('plan_cache_mode', 'force_custom_plan', true),
           -- Compiling takes longer than such a report does.
           set_config('jit', 'off', true),
           -- A hash of the users of a week.
           set_config('work_mem', '64MB', true),
           set_config('timezone', 'UTC', true),
           -- COPY has no parameters: asyncpg writes the moments of the export into its text.
           set_config('datestyle', 'ISO', true);
$$;
