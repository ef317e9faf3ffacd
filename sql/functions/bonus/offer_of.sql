-- What a bonus is for a user at this moment: the one place that decides it, for welcomes, lists, pushes, claims and
-- acknowledgements. state, and in outcome what a claim comes to now (null: it is granted if one is left when its turn comes):
--   hidden     unknown_bonus: there is none, or it is not for this user; for them it does not exist, whatever the time
--   had        already_claimed
--   over       cancelled, expired or sold_out
--   announced  too_early
--   not_yet    not_eligible: they have not watched long enough
--   claimable
-- progress: see `progress_of`; of what is announced, too.
-- p_is_claimed, p_is_sold_out: whether this user has it, and whether its stock is gone, as the caller's statement has found.
create or replace function offer_of(
    p_bonus bonuses, p_user_id text, p_is_claimed boolean, p_is_sold_out boolean, p_now timestamptz,
    out state text, out outcome text, out progress jsonb
) language plpgsql stable as $$
begin
    if p_bonus.bonus_id is null or not is_for(p_bonus.audience, p_bonus.resource, p_bonus.bonus_id, p_user_id) then
        state := 'hidden';
        outcome := 'unknown_bonus';
    elsif p_is_claimed then
        state := 'had';
        outcome := 'already_claimed';
    elsif p_bonus.cancelled_at is not null then
        state := 'over';
        outcome := 'cancelled';
    elsif p_now < p_bonus.opens_at then
        state := 'announced';
        outcome := 'too_early';
        progress := progress_of(p_bonus, p_user_id, p_now);
    -- Half a second more, for a claim that was made in time and took that long to arrive.
    elsif p_now > p_bonus.expires_at + interval '500 milliseconds' then
        state := 'over';
        outcome := 'expired';
    elsif p_is_sold_out then
        state := 'over';
        outcome := 'sold_out';
    else
        progress := progress_of(p_bonus, p_user_id, p_now);
        state := case when progress is null then 'claimable' else 'not_yet' end;
        outcome := case when progress is not null then 'not_eligible' end;
    end if;
end $$;
