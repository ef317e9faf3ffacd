-- A new bonus, its stock, its offers if it is for listed users, and its first ledger row. The id is
-- the caller's: the same again changes nothing.
create or replace function create_bonus(
    p_bonus_id uuid, p_reward jsonb, p_audience text, p_resource text, p_user_ids text[],
    p_opens_in interval, p_window interval, p_stock integer, p_min_watched interval,
    p_rule_id uuid default null, p_now timestamptz default null
) returns void language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    insert into bonuses (bonus_id, reward, audience, resource, opens_at, closes_at, stock,
                         min_watched, rule_id, created_at)
        values (p_bonus_id, p_reward, p_audience, p_resource, v_now + p_opens_in,
                v_now + p_opens_in + p_window, p_stock, p_min_watched, p_rule_id, v_now)
        on conflict (bonus_id) do nothing;
    if not found then
        return;
    end if;
    insert into offers (bonus_id, user_id)
        select distinct p_bonus_id, user_id from unnest(p_user_ids) as listed(user_id);
    -- 32 slots: more claims at once than that take turns. The first slots take the remainder.
    insert into bonus_stock (bonus_id, slot, remaining)
        select p_bonus_id, slot, p_stock / slots + (slot < p_stock % slots)::integer
          from least(p_stock, 32) as slots, generate_series(0, slots - 1) as slot
         where p_stock is not null;
    insert into ledger (bonus_id, entry, at) values (p_bonus_id, 'created', v_now);
end $$;
