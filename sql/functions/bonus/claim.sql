-- Claim a bonus for a user: at most once per user, never more than the stock. Returns one row; outcome
-- claimed | already_claimed | too_early | expired | sold_out | not_eligible | cancelled |
-- unknown_bonus | conflict (the claim's id was used for something else) |
-- slow_down | kept_out (see `spend`; wait_ms says when to try again).
-- A repeat of a granted claim, by its id, gets the same answer; another device gets already_claimed.
-- It waits for no other message of its user (see `spend`).
-- Once the stock is gone a claim takes no lock: a thousand are granted, fifty thousand ask.
-- epoch, event: null unless the outcome is claimed, and once the event has been pruned. others: the
-- connections to tell, as in `act`; null unless the outcome is claimed or sold_out. bonus: as sold out, if
-- there is a connection to tell. progress: with not_eligible, and with too_early if it is not reached; see `progress_of`.
-- broadcast_id: of the broadcast that tells what is left now, which the caller enqueues; null: there is none.
create or replace function claim(
    p_user_id text, p_claim_id text, p_bonus_id uuid,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint, out epoch uuid, out event jsonb,
    out bonus jsonb, out others jsonb, out progress jsonb, out broadcast_id uuid
) language plpgsql as $$
declare
    v_now   timestamptz := coalesce(p_now, clock_timestamp());
    v_look  record;
    v_bonus bonuses;
    v_event user_events;
    v_is_step boolean := false;
    v_is_taken boolean;
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now, p_kind => 'claim');
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return;
    end if;
    select * into v_look from claim_look(p_user_id, p_claim_id, p_bonus_id, v_now);
    outcome := v_look.outcome;
    -- Expired: a claim from another device, made before the end, may still be running.
    if outcome is null or outcome = 'expired' then
        perform lock_user(p_user_id, p_now), share_bonus(p_bonus_id);
        v_now := coalesce(p_now, clock_timestamp());
        select * into v_look from claim_look(p_user_id, p_claim_id, p_bonus_id, v_now);
        outcome := v_look.outcome;
        if outcome is null and (v_look.bonus).stock is not null then
            select t.is_taken, t.is_step into v_is_taken, v_is_step from take_from_stock(v_look.bonus) as t;
            outcome := case when not v_is_taken then 'sold_out' end;
        end if;
    end if;
    v_bonus := v_look.bonus;
    progress := v_look.progress;
    v_event := v_look.event;
    if outcome is null then
        outcome := 'claimed';
        insert into claims (bonus_id, user_id, claim_id, claimed_at)
            values (p_bonus_id, p_user_id, p_claim_id, v_now);
        insert into ledger (bonus_id, user_id, entry, at)
            values (p_bonus_id, p_user_id, 'claimed', v_now);
        v_event := append_event(p_user_id, 'bonus.claimed',
            jsonb_build_object('bonus_id', p_bonus_id, 'reward', v_bonus.reward),
            null, null, p_claim_id, v_now);
    end if;
    -- Two claims that took the last ones at once saw each other's still there: the next one tells it.
    if outcome = 'claimed' and v_is_step or outcome = 'sold_out' and v_bonus.told_left is distinct from 0 then
        broadcast_id := tell_left(v_bonus, v_now);
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
    if jsonb_array_length(others) > 1 then
        -- A reward, and at most 500 bytes around it.
        perform charge(p_user_id, p_gap,
            cost_of(jsonb_array_length(others), octet_length(v_bonus.reward::text) + 500), 'claim');
    end if;
end $$;
