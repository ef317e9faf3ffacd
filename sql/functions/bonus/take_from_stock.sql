-- Take one from the stock of a bonus. is_taken false: nothing is left. is_step: a slot has come to a step of `left_step`, so
-- perhaps the whole has. The slots are emptied alike, so that few claims look at the whole.
-- A claim skips slots that other claims hold. It waits for one only when every remaining slot is held, so
-- stock never oversells and never undersells. Each claim starts at a random slot, or all of them would
-- meet at the first. An empty slot is deleted, not kept at zero: a row that fails a condition after a wait
-- stays locked, and two claims that each held such a row would deadlock.
create or replace function take_from_stock(p_bonus bonuses, out is_taken boolean, out is_step boolean) language plpgsql as $$
declare
    v_first integer := floor(random() * 128);
    v_share integer := p_bonus.stock / least(p_bonus.stock, 128);
    v_slot  bonus_stock;
begin
    select * into v_slot from bonus_stock
     where bonus_id = p_bonus.bonus_id and slot >= v_first order by slot limit 1 for update skip locked;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus.bonus_id order by slot limit 1 for update skip locked;
    end if;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus.bonus_id order by slot < v_first, slot limit 1 for update;
    end if;
    if v_slot.remaining > 1 then
        update bonus_stock set remaining = remaining - 1
         where bonus_id = p_bonus.bonus_id and slot = v_slot.slot;
    else
        delete from bonus_stock where bonus_id = p_bonus.bonus_id and slot = v_slot.slot;
    end if;
    is_taken := v_slot.slot is not null;
    is_step := v_slot.remaining - 1 in (0, v_share / 10, v_share / 2);
end $$;
