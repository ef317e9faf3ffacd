-- Why this user cannot claim this bonus now, or null if they can. Stock is not looked at.
create or replace function claim_refusal(p_bonus bonuses, p_user_id text, p_now timestamptz)
returns text language plpgsql stable as $$
begin
    if p_bonus.bonus_id is null then
        return 'unknown_bonus';
    elsif p_bonus.cancelled_at is not null then
        return 'cancelled';
    elsif p_now < p_bonus.opens_at then
        return 'too_early';
    -- Half a second for a claim made in time that was still on its way.
    elsif p_now > p_bonus.expires_at + interval '500 milliseconds' then
        return 'expired';
    elsif p_bonus.audience = 'users' and not exists (
        select from offers o where o.user_id = p_user_id and o.bonus_id = p_bonus.bonus_id) then
        return 'not_eligible';
    elsif p_bonus.audience <> 'users' and not exists (
        select from watching_times w
         where w.user_id = p_user_id and w.ended_at is null
           and (p_bonus.resource is null or w.resource = p_bonus.resource)) then
        return 'not_eligible';
    elsif p_bonus.min_watched is not null
          and watched(p_user_id, p_bonus.resource, p_now) < p_bonus.min_watched then
        return 'not_eligible';
    end if;
    return null;
end $$;

-- Take one from the stock. False: nothing is left.
-- A slot that another claim holds is passed over; only when every slot left is held does the claim
-- wait for one, so stock never oversells and never undersells. Each claim begins to look at another
-- slot, or all of them would meet at the first. An empty slot is deleted, not kept at zero: a row that
-- fails a condition after a wait stays locked, and two claims that each held such a row would wait for
-- each other.
create or replace function take_from_stock(p_bonus_id uuid) returns boolean language plpgsql as $$
declare
    v_first integer := floor(random() * 128);
    v_slot  bonus_stock;
begin
    select * into v_slot from bonus_stock
     where bonus_id = p_bonus_id and slot >= v_first order by slot limit 1 for update skip locked;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus_id order by slot limit 1 for update skip locked;
    end if;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus_id order by slot < v_first, slot limit 1 for update;
    end if;
    if v_slot.remaining > 1 then
        update bonus_stock set remaining = remaining - 1
         where bonus_id = p_bonus_id and slot = v_slot.slot;
    else
        delete from bonus_stock where bonus_id = p_bonus_id and slot = v_slot.slot;
    end if;
    return v_slot.slot is not null;
end $$;

-- What a claim would come to right now. outcome null: it would be granted, if there is still one left when
-- its turn comes.
-- One statement, so that all of it is of one moment: who sees that nothing is left, or the event of a
-- claim, also sees whose claim that was.
create or replace function claim_look(
    p_user_id text, p_claim_id text, p_bonus_id uuid, p_now timestamptz,
    out outcome text, out bonus bonuses, out event user_events
) language plpgsql as $$
declare
    v_seen record;
begin
    select b as bonus, e as event, c.claim_id,
           b.stock is not null and not exists (
               select from bonus_stock s where s.bonus_id = p_bonus_id) as is_sold_out
      into v_seen
      from (select) as one
           left join bonuses b on b.bonus_id = p_bonus_id
           left join claims c on c.bonus_id = p_bonus_id and c.user_id = p_user_id
           left join user_events e on e.user_id = p_user_id and e.action_id = p_claim_id;
    bonus := v_seen.bonus;
    event := v_seen.event;
    if v_seen.claim_id = p_claim_id then
        outcome := 'claimed';
    elsif event.seq is not null then
        outcome := 'conflict';
    elsif v_seen.claim_id is not null then
        outcome := 'already_claimed';
    else
        outcome := claim_refusal(bonus, p_user_id, p_now);
        if outcome is null and v_seen.is_sold_out then
            outcome := 'sold_out';
        end if;
    end if;
end $$;

-- Until the transaction ends a bonus is neither cancelled nor its ledger closed; whoever does that
-- waits for all claims under way, and those behind it wait for whoever does that. An advisory lock: a
-- lock on the bonus' row is a write, and all claims would meet there.
create or replace function share_bonus(p_bonus_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock_shared(hashtextextended(p_bonus_id::text, 1)) $$;

create or replace function lock_bonus(p_bonus_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock(hashtextextended(p_bonus_id::text, 1)) $$;

-- A user claims a bonus: at most once per user, never more than the stock. Returns one row; outcome
-- claimed | already_claimed | too_early | expired | sold_out | not_eligible | cancelled |
-- unknown_bonus | conflict (the claim's id was used for something else) |
-- slow_down | disconnect (see `spend`; wait_ms says when to come again).
-- A claim that was granted is answered so again, by its id; another device's gets already_claimed.
-- Who comes after the stock is gone takes no lock: a thousand get one, fifty thousand come to ask.
-- epoch, event: null unless the outcome is claimed, and once it has been pruned. others: whom to tell, as in
-- `act`; null unless the outcome is claimed or sold_out. bonus: as sold out, if there is anybody to tell.
create or replace function claim(
    p_user_id text, p_claim_id text, p_bonus_id uuid,
    p_gap interval default '0', p_burst integer default 1, p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint, out epoch uuid, out event jsonb,
    out bonus jsonb, out others jsonb
) language plpgsql as $$
declare
    v_now   timestamptz := coalesce(p_now, clock_timestamp());
    v_look  record;
    v_bonus bonuses;
    v_event user_events;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    wait_ms := spend(p_user_id, p_gap, p_burst, v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return;
    end if;
    select * into v_look from claim_look(p_user_id, p_claim_id, p_bonus_id, v_now);
    outcome := v_look.outcome;
    -- Expired: another device's claim, from before the end, may still be under way.
    if outcome is null or outcome = 'expired' then
        perform lock_user(p_user_id, p_now), share_bonus(p_bonus_id);
        v_now := coalesce(p_now, clock_timestamp());
        select * into v_look from claim_look(p_user_id, p_claim_id, p_bonus_id, v_now);
        outcome := v_look.outcome;
        if outcome is null and (v_look.bonus).stock is not null and not take_from_stock(p_bonus_id) then
            outcome := 'sold_out';
        end if;
    end if;
    v_bonus := v_look.bonus;
    v_event := v_look.event;
    if outcome is null then
        outcome := 'claimed';
        insert into claims values (p_bonus_id, p_user_id, p_claim_id, v_now);
        insert into ledger (bonus_id, user_id, entry, at)
            values (p_bonus_id, p_user_id, 'claimed', v_now);
        v_event := append_event(p_user_id, 'bonus.claimed',
            jsonb_build_object('bonus_id', p_bonus_id, 'reward', v_bonus.reward),
            null, null, p_claim_id, v_now);
    end if;
    server_now := ms(v_now);
    if outcome in ('claimed', 'sold_out') then
        others := connections_of(p_user_id);
    end if;
    if outcome = 'claimed' and v_event.seq is not null then
        select e.epoch into epoch from stream_epoch e;
        event := event_json(v_event);
    elsif outcome = 'sold_out' and jsonb_array_length(others) > 1 then
        bonus := bonus_json(v_bonus, outcome);
    end if;
end $$;
