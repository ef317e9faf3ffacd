-- What the functions may do: call functions, and read and write rows; nothing that outlives a row.
-- sql/migrate.py runs this after all that it has applied. The role cannot log in by itself: a login is made
-- a member of it, or it is given a password (docs/how-to/use-your-own-postgresql.md).
-- Who made the tables owns them, and alone may change them: keep_months and its like have that right,
-- erase_part to rewrite what is never rewritten otherwise, notice_restore to write a new epoch, and prune_audit
-- to remove what is old.
do $$
declare
    v_object text;
    v_rights text;
begin
    if to_regrole('headcount_functions') is null then
        begin
            create role headcount_functions nologin;
        exception
            when insufficient_privilege then return;  -- the operator makes it, and migrates again
            when duplicate_object or unique_violation then null;  -- of another database, at once
        end;
    end if;
    grant usage on schema public to headcount_functions;
    for v_object, v_rights in
        select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass,
               case when c.relkind = 'S' then 'usage'
                    when c.relname in ('migrations', 'stream_epoch') then 'select'  -- they say which database it is
                    -- No key gets more scopes, or another limit. Its later columns are there when their migration has run.
                    when c.relname = 'service_keys' then concat_ws(', ', 'select, insert, delete', (
                        select format('update (%s)', string_agg(a.attname, ', ')) from pg_attribute a
                         where a.attrelid = c.oid
                           and a.attname in ('hash', 'previous_hash', 'previous_until', 'used_at',
                                             'minute_began_at', 'minute_requests')))
                    when c.relname = 'payouts' then 'select, insert, delete'  -- a correction is another row
                    when c.relname in ('ledger', 'audit') then 'select, insert'  -- never rewritten
                    -- Nor is what was recorded: a correction only says that it has replaced a row.
                    when c.relname = 'past_sessions' then concat_ws(', ', 'select, insert', (
                        select 'update (replaced_by)' from pg_attribute a
                         where a.attrelid = c.oid and a.attname = 'replaced_by'))
                    else 'select, insert, update, delete' end
          from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
           and not c.relispartition and pg_has_role(c.relowner, 'usage')
    loop
        execute format('revoke all on %s from headcount_functions', v_object);
        execute format('grant %s on %s to headcount_functions', v_rights, v_object);
    end loop;
    for v_object in
        select p.oid::regprocedure from pg_proc p
         where p.pronamespace = 'public'::regnamespace
           and p.proname in ('keep_months', 'keep_days', 'erase_part', 'notice_restore', 'prune_audit')
           and pg_has_role(p.proowner, 'usage')
    loop
        -- Temporary tables last: the caller could make one of a name that the function means.
        execute format('alter function %s security definer set search_path = public, pg_temp', v_object);
        execute format('revoke execute on function %s from public', v_object);
        execute format('grant execute on function %s to headcount_functions', v_object);
    end loop;
end $$;
