-- Put one back into the stock of a bonus. False, and nothing changed: the bonus has no stock, or is over or cancelled.
-- Its end waits for this, as for a claim. The slot is any of those that a stock may have: see `take_from_stock`.
create or replace function return_to_stock(p_bonus_id uuid, p_now timestamptz) returns boolean language plpgsql as $$
begin
    perform share_bonus(p_bonus_id);
    insert into bonus_stock as s (bonus_id, slot, remaining)
        select b.bonus_id, floor(random() * 128), 1 from bonuses b
         where b.bonus_id = p_bonus_id and b.stock is not null and bonus_state(b, p_now) = 'open'
        on conflict (bonus_id, slot) do update set remaining = s.remaining + 1;
    if not found then
        return false;
    end if;
    -- That it is gone is told again. After the slot: a claim locks them in this order.
    update bonuses set told_left = null where bonus_id = p_bonus_id and told_left is not null;
    return true;
end $$;
