-- Write the last ledger entries of bonuses whose window is over, with the allowance for late claims: at
-- most p_limit bonuses, oldest first. Returns how many.
create or replace function close_bonuses(p_limit integer, p_now timestamptz default null)
returns integer language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_bonus bonuses;
    v_closed integer := 0;
begin
    perform prefer_indexes();
    for v_bonus in
        select * from bonuses where ledger_closed_at is null and expires_at < v_now - interval '1 second'
         order by expires_at limit p_limit
    loop
        perform lock_bonus(v_bonus.bonus_id);
        -- Another run, or a cancellation, may have been first.
        continue when not exists (
            select from bonuses b where b.bonus_id = v_bonus.bonus_id and b.ledger_closed_at is null);
        perform close_ledger(v_bonus.bonus_id, 'expired', v_bonus.expires_at);
        v_closed := v_closed + 1;
    end loop;
    return v_closed;
end $$;
