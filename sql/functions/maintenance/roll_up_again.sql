-- Have the quarters of an interval rolled up again, for its sessions have changed: in the same transaction, so that
-- reports read the sessions from then on. Of the time whose months are gone the roll-ups stay as they are.
create or replace function roll_up_again(p_from timestamptz, p_to timestamptz) returns void language sql as $$
    insert into rollups_due
        select generate_series(quarter_of(greatest(p_from, kept_since)), p_to, interval '15 minutes') from rollup_state
        -- Not "do nothing": a mark that is being taken away now would go with it.
        on conflict (starts_at) do update set starts_at = excluded.starts_at
$$;

-- Take away the marks of [p_from, p_to), at most p_limit. What a change that is under way has marked stays. Returns
-- the quarters.
create or replace function undue(p_from timestamptz, p_to timestamptz, p_limit integer default null)
returns timestamptz[] language sql as $$
    with taken as (
        delete from rollups_due where starts_at = any (array(
            select starts_at from rollups_due where starts_at >= p_from and starts_at < p_to
             order by starts_at limit p_limit for update skip locked))
        returning starts_at
    )
    select array_agg(starts_at order by starts_at) from taken
$$;

-- Roll up at most p_limit quarters of [p_kept_since, p_until) that are due again. Returns how many.
create or replace function roll_up_due(
    p_limit integer, p_kept_since timestamptz, p_until timestamptz, p_now timestamptz
) returns integer language plpgsql as $$
declare
    v_due timestamptz[] := undue(p_kept_since, p_until, p_limit);
    v_quarter timestamptz;
begin
    perform undue('-infinity', p_kept_since);
    foreach v_quarter in array coalesce(v_due, '{}') loop
        perform roll_up_quarters(v_quarter, v_quarter + interval '15 minutes', p_now);
    end loop;
    return cardinality(coalesce(v_due, '{}'));
end $$;
