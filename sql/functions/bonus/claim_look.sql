-- What a claim would come to right now. outcome null: it would be granted if one is left when its turn
-- comes.
-- One statement, so all of it is of one moment: a reader that sees an empty stock, or the event of a
-- claim, also sees whose claim that was.
create or replace function claim_look(
    p_user_id text, p_claim_id text, p_bonus_id uuid, p_now timestamptz,
    out outcome text, out bonus bonuses, out event user_events, out progress jsonb
) language plpgsql as $$
declare
    v_seen record;
    v_offer record;
begin
    select b as bonus, e as event, c.claim_id, is_sold_out(b) as is_sold_out into v_seen
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
        v_offer := offer_of(bonus, p_user_id, false, v_seen.is_sold_out, p_now);
        outcome := v_offer.outcome;
        progress := v_offer.progress;
    end if;
end $$;
