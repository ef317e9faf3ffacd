-- Up to when nothing that is stored will change any more; null: that is not known. What may still change is for which
-- time a connection that is listed was there, or could be seen. After a whole cycle of the sweep no connection is listed
-- that had come more than two hours before the cycle began: an older one has ended (see `sweep`), and one that was moved
-- meanwhile is known to have been here then. What is found out later is about the time since it came, or since the
-- session that it went on with had ended, which is a grace before that, ten minutes at most. A quarter hour is enough.
-- Before the first whole cycle nothing is known; and one that began after p_now proves nothing: the clock has gone back.
create or replace function final_until(p_now timestamptz) returns timestamptz language sql stable as $$
    select quarter_of(probed_since - interval '2 hours' - interval '15 minutes')
      from sweep_cursor where probed_since > timestamp with time zone 'epoch' and probed_since <= p_now
$$;

-- Make the roll-ups of the quarters of [p_from, p_to) from the sessions, instead of those that there are.
create or replace function roll_up_quarters(p_from timestamptz, p_to timestamptz, p_now timestamptz) returns void
language plpgsql as $$
begin
    -- Planned for this interval, not for any: half of the month or nothing of it may lie in it.
    perform set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true),
            set_config('work_mem', '64MB', true);
    delete from rollups where starts_at >= p_from and starts_at < p_to;
    -- One statement, so both clocks see the same sessions.
    insert into rollups
        select * from rollups_between(p_from, p_to, p_now, false)
        union all select * from rollups_between(p_from, p_to, p_now, true);
end $$;

-- The quarter in which the first session began that is stored; null: there is none.
create or replace function first_quarter() returns timestamptz language sql stable as $$
    select quarter_of(least((select min(ended_at) from read_past(true)) - interval '4 hours',
                            (select min(joined_at) from read_past(true) where ended_at - joined_at > interval '4 hours'),
                            (select min(joined_at) from watching_times)))
$$;

-- Roll up the next p_limit quarters that are final, or else those that are due again. Returns how many;
-- behind_seconds: how long ago the last one ended, or 0 before there is one; is_behind: there is more to do now.
-- One at a time: a call beside another one returns at once. No session waits for it.
create or replace function roll_up(
    p_limit integer, p_now timestamptz default null,
    out quarters integer, out behind_seconds float8, out is_behind boolean
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_state rollup_state;
    v_since timestamptz;
    v_final timestamptz := final_until(v_now);
begin
    select 0, false, coalesce(extract(epoch from v_now - nullif(rolled_up_to, '-infinity')), 0)
      into quarters, is_behind, behind_seconds
      from rollup_state;
    -- Mostly there is nothing to do, and no row is locked for that.
    select * into v_state from rollup_state
     where v_final is not null and (v_final <> rolled_up_to or exists (select from rollups_due))
       for update skip locked;
    if not found then
        return;
    end if;
    -- If the clock has gone back, other sessions will have that time.
    v_since := least(case when v_state.rolled_up_to = '-infinity' then coalesce(first_quarter(), v_final)
                          else v_state.rolled_up_to end, v_final);
    v_since := least(greatest(v_since, v_state.kept_since), v_final);
    v_state.rolled_up_to := least(v_since + p_limit * interval '15 minutes', v_final);
    if v_since < v_state.rolled_up_to then
        perform undue(v_since, v_state.rolled_up_to);
        perform roll_up_quarters(v_since, v_state.rolled_up_to, v_now);
        quarters := quarters_in(v_state.rolled_up_to - v_since);
    else
        quarters := roll_up_due(p_limit, v_state.kept_since, v_state.rolled_up_to, v_now);
    end if;
    update rollup_state set rolled_up_to = v_state.rolled_up_to where rolled_up_to <> v_state.rolled_up_to;
    behind_seconds := extract(epoch from v_now - v_state.rolled_up_to);
    is_behind := quarters = p_limit;
end $$;
