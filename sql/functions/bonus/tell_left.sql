-- Tell the audience of a bonus that its stock has come to another step (see `left_step`), once for each. Returns the id of the
-- broadcast, which the caller enqueues; null: there is nothing to tell. Should that fail, the schedule finds a broadcast
-- that no worker works on. Waits for no other claim: one of them tells it.
create or replace function tell_left(p_bonus bonuses, p_now timestamptz) returns uuid language plpgsql as $$
declare
    v_step integer := left_step(p_bonus.stock, left_of(p_bonus));
    v_broadcast_id uuid := gen_random_uuid();
begin
    if v_step >= coalesce(p_bonus.told_left, p_bonus.stock)
       or not pg_try_advisory_xact_lock(hashtextextended(p_bonus.bonus_id::text, 2)) then
        return null;
    end if;
    update bonuses b set told_left = v_step
     where b.bonus_id = p_bonus.bonus_id and v_step < coalesce(b.told_left, b.stock);
    if not found then
        return null;
    end if;
    perform create_broadcast(v_broadcast_id, 'stock', p_bonus.bonus_id, null, null, p_bonus.audience, p_bonus.resource,
                             p_bonus.expires_at, p_now);
    update broadcasts set queued_at = p_now where broadcast_id = v_broadcast_id;
    return v_broadcast_id;
end $$;
