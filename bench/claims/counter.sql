-- The same claims, with the whole stock in one row.
create table claim_counter (
    bonus_id  uuid    primary key,
    remaining integer not null check (remaining >= 0)
)
-- Room for the row's next version beside it: its updates shall be HOT.
with (fillfactor = 10);

-- p_is_locked_first: lock the row, decide, and decrement it: the straightforward way. Else one
-- conditional update, which locks nothing once the stock is gone.
create function take_from_counter(p_bonus_id uuid, p_is_locked_first boolean) returns boolean
language plpgsql as $$
declare
    v_remaining integer;
begin
    if p_is_locked_first then
        select remaining into v_remaining from claim_counter where bonus_id = p_bonus_id for update;
        if v_remaining = 0 then
            return false;
        end if;
    end if;
    update claim_counter set remaining = remaining - 1 where bonus_id = p_bonus_id and remaining > 0;
    return found;
end $$;

-- All that `claim` does and answers, by its own helpers; its bonus is made without a stock.
create function claim_from_counter(
    p_user_id text, p_claim_id text, p_bonus_id uuid, p_gap interval, p_burst integer, p_keep_out interval,
    p_is_locked_first boolean,
    out outcome text, out wait_ms integer, out server_now bigint, out epoch uuid, out event jsonb,
    out bonus jsonb, out others jsonb
) language plpgsql set enable_seqscan = off as $$
declare
    v_now   timestamptz := clock_timestamp();
    v_look  record;
    v_event user_events;
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now, p_kind => 'claim');
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return;
    end if;
    perform lock_user(p_user_id, null), share_bonus(p_bonus_id);
    v_now := clock_timestamp();
    select * into v_look from claim_look(p_user_id, p_claim_id, p_bonus_id, v_now);
    outcome := v_look.outcome;
    v_event := v_look.event;
    if outcome is null and not take_from_counter(p_bonus_id, p_is_locked_first) then
        outcome := 'sold_out';
    end if;
    if outcome is null then
        outcome := 'claimed';
        insert into claims values (p_bonus_id, p_user_id, p_claim_id, v_now);
        insert into ledger (bonus_id, user_id, entry, at)
            values (p_bonus_id, p_user_id, 'claimed', v_now);
        v_event := append_event(p_user_id, 'bonus.claimed',
            jsonb_build_object('bonus_id', p_bonus_id, 'reward', (v_look.bonus).reward),
            null, null, p_claim_id, v_now);
    end if;
    server_now := ms(v_now);
    select e.epoch into epoch from stream_epoch e;
    if outcome = 'claimed' and v_event.seq is not null then
        event := event_json(v_event);
    elsif outcome = 'sold_out' then
        bonus := bonus_json(v_look.bonus, outcome);
    end if;
    if outcome in ('claimed', 'sold_out') then
        others := connections_of(p_user_id);
    end if;
end $$;

-- Nothing but the counter and the grant: no limit, no window, no eligibility, no ledger, no event.
create function claim_bare(p_user_id text, p_claim_id text, p_bonus_id uuid) returns text
language plpgsql as $$
begin
    if not take_from_counter(p_bonus_id, false) then
        return 'sold_out';
    end if;
    insert into claims values (p_bonus_id, p_user_id, p_claim_id, clock_timestamp());
    return 'claimed';
end $$;
