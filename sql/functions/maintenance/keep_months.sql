-- Keep a partition of past_sessions per month of their end (UTC): make those of this month and the next
-- two, and of rows that have gathered in the default; drop those that ended p_keep_months ago or longer
-- (0: none), and up to 10,000 totals of watch time whose user watched last before that. Returns the names that
-- it made and dropped.
-- One at a time: a second call finds nothing to do. It waits at most a second for each lock, since a report
-- may be running; then the call fails, and the next one does the work.
create or replace function keep_months(p_keep_months integer, p_now timestamptz default null)
returns table (made text[], dropped text[]) language plpgsql as $$
declare
    v_now timestamp := coalesce(p_now, clock_timestamp()) at time zone 'UTC';
    v_month timestamp;
    v_name text;
begin
    made := '{}';
    dropped := '{}';
    -- Two at once would deadlock.
    if not pg_try_advisory_xact_lock(hashtextextended('keep_months', 1)) then
        return next;
        return;
    end if;
    perform set_config('lock_timeout', '1s', true);
    for v_month in
        select date_trunc('month', v_now) + n * interval '1 month' from generate_series(0, 2) n
        union
        select distinct date_trunc('month', ended_at at time zone 'UTC') from past_sessions_default
        order by 1
    loop
        v_name := 'past_sessions_' || to_char(v_month, 'YYYY_MM');
        continue when to_regclass(v_name) is not null;
        -- A row that is being inserted into the default would no longer belong there.
        lock table only past_sessions in share row exclusive mode;
        execute format('create table %I (like past_sessions including all)', v_name);
        execute format('with late as (delete from past_sessions_default
                                       where ended_at >= $1 and ended_at < $2 returning *)
                        insert into %I select * from late', v_name)
            using v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC';
        -- A moment would be written in the role's time zone and style of dates.
        execute format('alter table past_sessions attach partition %I for values from (%L) to (%L)', v_name,
                       to_char(v_month, 'YYYY-MM-DD') || ' 00:00+00',
                       to_char(v_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00+00');
        made := made || v_name;
    end loop;
    for v_name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'past_sessions'::regclass and p_keep_months > 0
           and c.relname ~ '^past_sessions_[0-9]{4}_[0-9]{2}$'
           and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
               <= date_trunc('month', v_now) - p_keep_months * interval '1 month'
         order by 1
    loop
        execute format('drop table %I', v_name);
        dropped := dropped || v_name;
    end loop;
    -- A total stays while its user goes on watching. Last: finalize holds rows of it while it waits for the above.
    delete from watch_totals
     where (user_id, resource) in (
         select user_id, resource from watch_totals
          where p_keep_months > 0
            and last_month < date_trunc('month', v_now) - p_keep_months * interval '1 month'
          order by last_month limit 10000 for update skip locked);
    return next;
end $$;
