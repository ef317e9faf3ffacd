-- Why this user cannot claim this bonus now, or null if they can. Stock is not looked at.
create or replace function claim_refusal(p_bonus bonuses, p_user_id text, p_now timestamptz)
returns text language sql stable as $$
    select case
        when p_bonus.bonus_id is null then 'unknown_bonus'
        when p_bonus.cancelled_at is not null then 'cancelled'
        when p_now < p_bonus.opens_at then 'too_early'
        -- Half a second for a claim made in time that was still on its way.
        when p_now > p_bonus.closes_at + interval '500 milliseconds' then 'expired'
        when not case p_bonus.audience
            when 'users' then exists (select from offers o
                 where o.user_id = p_user_id and o.bonus_id = p_bonus.bonus_id)
            else exists (select from watching_times w
                 where w.user_id = p_user_id and w.terminate_at is null
                   and (p_bonus.resource is null or w.resource = p_bonus.resource))
            end then 'not_eligible'
        when p_bonus.min_watched is not null
             and watched(p_user_id, p_bonus.resource, p_now) < p_bonus.min_watched then 'not_eligible'
    end
$$;

-- Take one from the stock. False: nothing is left.
-- A slot that another claim holds is passed over; only when every slot left is held does the claim
-- wait for one, so stock never oversells and never undersells. An empty slot is deleted, not kept at
-- zero: a row that fails a condition after a wait stays locked, and two claims that each held such a
-- row would wait for each other.
create or replace function take_from_stock(p_bonus_id uuid) returns boolean language plpgsql as $$
declare
    v_slot bonus_stock;
begin
    select * into v_slot from bonus_stock
     where bonus_id = p_bonus_id order by random() limit 1 for update skip locked;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus_id order by slot limit 1 for update;
    end if;
    if v_slot.remaining > 1 then
        update bonus_stock set remaining = remaining - 1
         where bonus_id = p_bonus_id and slot = v_slot.slot;
    else
        delete from bonus_stock where bonus_id = p_bonus_id and slot = v_slot.slot;
    end if;
    return v_slot.slot is not null;
end $$;

-- A user claims a bonus: at most once per user, never more than the stock. Returns one row; outcome
-- claimed | already_claimed | too_early | expired | sold_out | not_eligible | cancelled |
-- unknown_bonus | conflict (the claim's id was used for something else).
-- A claim that was granted is answered so again, by its id; another device's gets already_claimed.
-- event and others are null unless the outcome is claimed; event also once it has been pruned.
create or replace function claim(
    p_user_id text, p_claim_id text, p_bonus_id uuid, p_now timestamptz default null
) returns table (outcome text, server_now bigint, epoch uuid, event jsonb, others jsonb)
language plpgsql as $$
declare
    v_now timestamptz;
    v_bonus bonuses;
    v_claim claims;
    v_event user_events;
begin
    v_now := lock_user(p_user_id, p_now);
    select * into v_bonus from bonuses b where b.bonus_id = p_bonus_id;
    select * into v_claim from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id;
    select * into v_event from user_events e where e.user_id = p_user_id and e.action_id = p_claim_id;
    outcome := case
        when v_claim.claim_id = p_claim_id then 'claimed'
        when v_event.seq is not null then 'conflict'
        when v_claim.claim_id is not null then 'already_claimed'
        else claim_refusal(v_bonus, p_user_id, v_now) end;

    if outcome is null and v_bonus.stock is not null and not take_from_stock(p_bonus_id) then
        outcome := 'sold_out';
    end if;
    if outcome is null then
        outcome := 'claimed';
        insert into claims values (p_bonus_id, p_user_id, p_claim_id, v_now);
        insert into ledger (bonus_id, user_id, entry, at)
            values (p_bonus_id, p_user_id, 'claimed', v_now);
        v_event := append_event(p_user_id, 'bonus.claimed',
            jsonb_build_object('bonus_id', p_bonus_id, 'reward', v_bonus.reward), p_claim_id, v_now);
    end if;
    return query select outcome, ms(v_now), e.epoch,
                        case when outcome = 'claimed' and v_event.seq is not null
                             then event_json(v_event) end,
                        case when outcome = 'claimed' then connections_of(p_user_id) end
                   from stream_epoch e;
end $$;
