-- Users who go on sending beyond their limit are kept out for a while.

alter table user_limits
    -- When it was last written, by the database's clock: a row from the future says that the clock
    -- went back, and is forgotten.
    add column counted_at timestamptz not null default '-infinity',
    -- How many messages have been refused since the last one that was accepted.
    add column refused integer not null default 0,
    -- Until free_at every message and every handshake of this user is refused.
    add column is_kept_out boolean not null default false;
alter table user_limits alter column counted_at drop default;

-- They take p_keep_out as well, or one word more.
do $$ declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid from pg_proc p
         where p.pronamespace = current_schema()::regnamespace
           and p.proname = any (array[
               'ack', 'act', 'claim', 'hello', 'ledger_of', 'outcome_of', 'spend', 'watch'])
    loop
        execute format('drop function %s', v_function);
    end loop;
end $$;
delete from migrations where name in (
    'functions/bonus/ack.sql', 'functions/bonus/claim.sql', 'functions/bonus/ledger_of.sql',
    'functions/presence/watch.sql', 'functions/rate_limit/spend.sql', 'functions/stream/act.sql',
    'functions/stream/hello.sql');
