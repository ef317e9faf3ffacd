-- Keep a bonus from being cancelled, and its ledger from being closed, until the transaction ends.
-- `lock_bonus` waits for all claims that hold this, and later claims wait for it. An advisory lock: a lock
-- on the bonus' row is a write, and all claims would queue there.
create or replace function share_bonus(p_bonus_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock_shared(hashtextextended(p_bonus_id::text, 1)) $$;

-- Keep all claims of a bonus out until the transaction ends.
create or replace function lock_bonus(p_bonus_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock(hashtextextended(p_bonus_id::text, 1)) $$;
