-- The bonuses that a welcome shows to a user: at most 10 that are for them and not over. First what they can claim, then what
-- they may claim later, then what they have, then what is sold out; of each the first to expire first. Cancelled ones
-- fill what room is left, for clients that still show them. has_more: `list_offers` has others that are not cancelled.
-- Of each kind of audience it looks at the 100 that expire first (see `offers_after`).
create or replace function shown_offers(
    p_user_id text, p_resource text, p_now timestamptz, out bonuses json, out has_more boolean
) language plpgsql stable as $$
declare
    c_last constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    v_offers cursor for select * from offers_after(p_user_id, p_resource, p_now, c_last, p_now) as o
                         order by o.sort_at, o.bonus_id;
    v_offer record;
    v_claimable jsonb[] := '{}';
    v_others jsonb[] := '{}';
    v_ranks integer[] := '{}';
    v_shown jsonb[] := '{}';
    v_is_any_running boolean;
    v_is_any_cancelled boolean;
begin
    -- Most of the time there is none, and asking so costs a tenth of what it saves.
    select exists (select from bonuses b where b.ledger_closed_at is null and b.expires_at > p_now),
           exists (select from broadcasts b where b.kind = 'cancel' and b.expires_at > p_now)
      into v_is_any_running, v_is_any_cancelled;
    if v_is_any_running then
        -- One by one, in the order in which they are read, so it stops at the eleventh that can be claimed.
        open v_offers;
        while cardinality(v_claimable) < 11 loop
            fetch v_offers into v_offer;
            exit when not found;
            if v_offer.state = 'claimable' then
                v_claimable := v_claimable || bonus_json(v_offer.bonus, null);
            else
                v_others := v_others || bonus_json(v_offer.bonus, shown_outcome(v_offer.state, v_offer.outcome),
                                                   v_offer.progress);
                v_ranks := v_ranks || case when v_offer.state in ('announced', 'not_yet') then 1
                                           when v_offer.state = 'had' then 2 else 3 end;
            end if;
        end loop;
        close v_offers;
        v_shown := (v_claimable || array(
            select other from unnest(v_others, v_ranks) with ordinality as o (other, rank, place)
             order by rank, place limit 11))[:11];
    end if;
    has_more := cardinality(v_shown) > 10;
    if v_is_any_cancelled and cardinality(v_shown) < 10 then
        v_shown := v_shown || cancelled_bonuses(p_user_id, 10 - cardinality(v_shown), p_now);
    end if;
    bonuses := array_to_json(v_shown[:10]);
end $$;

-- The outcome with which an offer is shown; null: it can be claimed, now or later.
create or replace function shown_outcome(p_state text, p_outcome text) returns text language sql immutable as $$
    select case p_state when 'had' then 'claimed' when 'over' then p_outcome end
$$;
