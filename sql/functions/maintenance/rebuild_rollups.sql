-- Make the roll-ups of [p_from, p_to) again, as far as there are any and their sessions are there. Returns up to when,
-- or null if there is nothing to do. It waits for a `roll_up` that is under way.
create or replace function rebuild_rollups(p_from timestamptz, p_to timestamptz, p_now timestamptz default null)
returns timestamptz language plpgsql as $$
declare
    v_state rollup_state;
    v_from timestamptz;
    v_to timestamptz;
begin
    select * into v_state from rollup_state for update;
    v_from := quarter_of(greatest(p_from, v_state.kept_since));
    v_to := least(quarter_from(p_to), v_state.rolled_up_to);
    if v_from < v_to then
        perform undue(v_from, v_to);
        perform roll_up_quarters(v_from, v_to, coalesce(p_now, clock_timestamp()));
        return v_to;
    end if;
    return null;
end $$;
