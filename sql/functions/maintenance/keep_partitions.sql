-- Keep a partition per p_unit ('day' or 'month', UTC) of a table that is divided by p_column: make those of
-- now and the next two, and of rows that have gathered in the default; drop those that ended p_keep units ago
-- or longer (0: none). Returns the names that it made and dropped.
-- One at a time: a second call finds nothing to do. It waits at most p_patience for each lock, since a report
-- may be running; then the call fails, and the next one does the work.
create or replace function keep_partitions(
    p_table text, p_column text, p_unit text, p_keep integer, p_patience interval, p_now timestamptz
) returns table (made text[], dropped text[]) language plpgsql as $$
declare
    c_digits constant text := case p_unit when 'day' then 'YYYY_MM_DD' else 'YYYY_MM' end;
    v_now  timestamp := coalesce(p_now, clock_timestamp()) at time zone 'UTC';
    v_step interval := '1 ' || p_unit;
    v_from timestamp;
    v_name text;
begin
    made := '{}';
    dropped := '{}';
    -- Two at once would deadlock.
    if not pg_try_advisory_xact_lock(hashtextextended('keep_partitions of ' || p_table, 1)) then
        return next;
        return;
    end if;
    perform set_config('lock_timeout', milliseconds(p_patience) || 'ms', true);
    for v_from in execute format(
        'select date_trunc($1, $2) + n * $3 from generate_series(0, 2) n
         union select distinct date_trunc($1, %I at time zone ''UTC'') from %I order by 1',
        p_column, p_table || '_default') using p_unit, v_now, v_step
    loop
        v_name := p_table || '_' || to_char(v_from, c_digits);
        continue when to_regclass(v_name) is not null;
        -- A row that is being inserted into the default would no longer belong there.
        execute format('lock table only %I in share row exclusive mode', p_table);
        execute format('create table %I (like %I including all)', v_name, p_table);
        execute format('with late as (delete from %I where %I >= $1 and %2$I < $2 returning *)
                        insert into %I select * from late', p_table || '_default', p_column, v_name)
            using v_from at time zone 'UTC', (v_from + v_step) at time zone 'UTC';
        -- A moment would be written in the role's time zone and style of dates.
        execute format('alter table %I attach partition %I for values from (%L) to (%L)', p_table, v_name,
                       to_char(v_from, 'YYYY-MM-DD') || ' 00:00+00',
                       to_char(v_from + v_step, 'YYYY-MM-DD') || ' 00:00+00');
        made := made || v_name;
    end loop;
    for v_name in
        -- Materialized: a plan may else read a date in the name of any table.
        with partitions as materialized (
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = p_table::regclass and c.relname <> p_table || '_default'
        )
        select relname from partitions
         where p_keep > 0
           and to_date(right(relname, length(c_digits)), c_digits) + v_step
               <= date_trunc(p_unit, v_now) - p_keep * v_step
         order by 1
    loop
        execute format('drop table %I', v_name);
        dropped := dropped || v_name;
    end loop;
    return next;
end $$;

-- Keep past_sessions, a partition per month: see keep_partitions. Before kept_since no sessions are left to roll up. Forget
-- corrections of those, and up to 10,000 totals of watch time of users who have not watched since, and their progress of
-- campaigns: totals last, because finalize holds some while it waits for what is above.
create or replace function keep_months(p_keep_months integer, p_now timestamptz default null)
returns table (made text[], dropped text[]) language plpgsql as $$
declare
    v_month timestamp := date_trunc('month', coalesce(p_now, clock_timestamp()) at time zone 'UTC');
begin
    return query
        select * from keep_partitions('past_sessions', 'ended_at', 'month', p_keep_months, '1 second', p_now);
    delete from corrections c where p_keep_months > 0 and c.last_month < v_month - p_keep_months * interval '1 month';
    update rollup_state set kept_since = (v_month - p_keep_months * interval '1 month') at time zone 'UTC'
     where p_keep_months > 0 and kept_since < (v_month - p_keep_months * interval '1 month') at time zone 'UTC';
    with forgotten as (
        delete from watch_totals
         where ctid = any (array(
             select t.ctid from watch_totals t
              where p_keep_months > 0 and t.last_month < v_month - p_keep_months * interval '1 month'
              order by t.last_month limit 10000 for update skip locked))
        returning user_id, resource
    )
    delete from campaign_progress where user_id = any (array(select user_id from forgotten where resource = ''));
end $$;

-- Keep the ledger, a partition per day: see keep_partitions. Claims wait while it waits for a lock, so it
-- does not wait for long.
create or replace function keep_days(p_keep_days integer, p_now timestamptz default null)
returns table (made text[], dropped text[]) language sql as $$
    select * from keep_partitions('ledger', 'at', 'day', p_keep_days, '100 milliseconds', p_now)
$$;
