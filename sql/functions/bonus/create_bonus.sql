-- Create a bonus, its stock, its offers if it is for listed users, their ledger, and its broadcast. The
-- caller chooses the id. Returns
--   created
--   repeated     the same order came before; nothing changed
--   conflict     another order, or news, has this id; nothing changed
--   window_over  the window would be over already; nothing is written
-- p_opens_in: counted from now; p_opens_at: instead of it. p_visible: p_min_watched counts visible time only.
-- p_fingerprint: of the order, to recognise a repeat. p_rule_id, p_milestone: the campaign that makes it.
create or replace function create_bonus(
    p_bonus_id uuid, p_reward jsonb, p_audience text, p_resource text, p_user_ids text[],
    p_opens_in interval, p_window interval, p_stock integer, p_min_watched interval,
    p_opens_at timestamptz default null, p_acknowledge boolean default false,
    p_fingerprint text default null, p_rule_id uuid default null, p_visible boolean default false,
    p_milestone smallint default null, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_opens_at timestamptz := coalesce(p_opens_at, v_now + p_opens_in);
begin
    perform prefer_indexes();
    if not exists (select from bonuses b where b.bonus_id = p_bonus_id) then
        if v_opens_at + p_window <= v_now then
            return 'window_over';
        end if;
        -- Its broadcast has the bonus' id, and news may have that id already.
        if exists (select from broadcasts b where b.broadcast_id = p_bonus_id) then
            return 'conflict';
        end if;
    end if;
    insert into bonuses (bonus_id, reward, audience, resource, opens_at, expires_at, stock, min_watched,
                         acknowledge, fingerprint, rule_id, milestone, is_visible, created_at, queued_at)
        values (p_bonus_id, p_reward, p_audience, p_resource, v_opens_at, v_opens_at + p_window, p_stock,
                p_min_watched, p_acknowledge, p_fingerprint, p_rule_id, p_milestone, p_visible, v_now,
                -- Unused since broadcasts have it; the release before this one still looks for nulls.
                v_now)
        on conflict (bonus_id) do nothing;
    if not found then
        return (select case when b.fingerprint is not distinct from p_fingerprint then 'repeated'
                            else 'conflict' end
                  from bonuses b where b.bonus_id = p_bonus_id);
    end if;
    insert into ledger (bonus_id, entry, at, audience, resource)
        values (p_bonus_id, 'created', v_now, nullif(p_audience, 'users'), p_resource);
    with offered as (
        insert into offers (bonus_id, user_id, expires_at)
            select distinct p_bonus_id, user_id, v_opens_at + p_window from unnest(p_user_ids) as listed(user_id)
            returning bonus_id, user_id
    )
    insert into ledger (bonus_id, user_id, entry, at)
        select bonus_id, user_id, 'offered', v_now from offered;
    -- 128 slots: that many claims run at once, further ones take turns. The first slots take the remainder.
    insert into bonus_stock (bonus_id, slot, remaining)
        select p_bonus_id, slot, p_stock / slots + (slot < p_stock % slots)::integer
          from least(p_stock, 128) as slots, generate_series(0, slots - 1) as slot
         where p_stock is not null;
    perform tell_opening(b) from bonuses b where b.bonus_id = p_bonus_id;
    perform create_broadcast(p_bonus_id, 'offer', p_bonus_id, null, null, p_audience, p_resource,
                             v_opens_at + p_window, v_now);
    return 'created';
end $$;
