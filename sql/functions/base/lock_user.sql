-- Take the user's lock until the end of the transaction, and return the time after that: a caller that
-- had to wait must not write an earlier time than what it waited for. What follows is planned for crowds.
-- All changes of one user's state run under this lock, so two tabs, a reload that crosses its own
-- $disconnect, and a retry take turns. One statement cannot do this: its snapshot is older than the lock
-- it waits for, and it would not see a session that closes in between.
create or replace function lock_user(p_user_id text, p_now timestamptz) returns timestamptz
language sql volatile as $$
    select case when prefer_indexes() is not null then wait_for_user(p_user_id, p_now) end
$$;

-- The same, for a caller that sets by itself how what follows is planned.
create or replace function wait_for_user(p_user_id text, p_now timestamptz) returns timestamptz
language sql volatile as $$
    select case when pg_advisory_xact_lock(hashtextextended(p_user_id, 0)) is not null
                then coalesce(p_now, clock_timestamp()) end
$$;
