-- Cancel a bonus: no claim that begins after this is granted; granted claims stay. Its audience is told.
-- Returns cancelled; already_cancelled or expired if nothing changed; null if there is no such bonus.
create or replace function cancel_bonus(
    p_bonus_id uuid, p_cancel_id uuid, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_bonus bonuses;
begin
    perform prefer_indexes(), lock_bonus(p_bonus_id);
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_bonus from bonuses b where b.bonus_id = p_bonus_id;
    if not found or v_bonus.cancelled_at is not null then
        return case when found then 'already_cancelled' end;
    end if;
    if v_now > v_bonus.expires_at then
        return 'expired';
    end if;
    update bonuses set cancelled_at = v_now where bonus_id = p_bonus_id;
    perform close_ledger(p_bonus_id, 'cancelled', v_now);
    perform create_broadcast(p_cancel_id, 'cancel', p_bonus_id, null, null, v_bonus.audience,
                             v_bonus.resource, v_bonus.expires_at, v_now);
    return 'cancelled';
end $$;
