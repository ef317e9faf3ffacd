-- Where a bonus is between its order and its end.
create or replace function bonus_state(p_bonus bonuses, p_now timestamptz) returns text
language sql stable as $$
    select case when p_bonus.cancelled_at is not null then 'cancelled'
                when p_now < p_bonus.opens_at then 'upcoming'
                when p_now <= p_bonus.expires_at then 'open'
                else 'expired' end
$$;

-- Whether the stock of a bonus is gone: a slot that is empty is deleted. Not `exists`: for many bonuses the planner would read
-- the stock of all.
create or replace function is_sold_out(p_bonus bonuses) returns boolean language plpgsql stable as $$
begin
    return p_bonus.stock is not null
       and (select true from bonus_stock s where s.bonus_id = p_bonus.bonus_id limit 1) is null;
end $$;

-- What is left of a bonus' stock; null if it has no stock.
create or replace function left_of(p_bonus bonuses) returns bigint
language sql stable as $$
    select case when p_bonus.stock is not null then
        (select coalesce(sum(remaining), 0) from bonus_stock s where s.bonus_id = p_bonus.bonus_id) end
$$;
