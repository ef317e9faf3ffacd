-- What a bonus is for a user at this moment: why they cannot claim it; null if they can. The one place that
-- decides it, for the welcome, claims and acknowledgements. Does not look at the stock.
--   unknown_bonus   there is none, or it is not for this user: for them it does not exist, whatever the time
--   cancelled, too_early, expired
--   not_eligible    they have not watched long enough
create or replace function claim_refusal(p_bonus bonuses, p_user_id text, p_now timestamptz)
returns text language plpgsql stable as $$
begin
    if p_bonus.bonus_id is null then
        return 'unknown_bonus';
    elsif p_bonus.audience = 'users' and not exists (
        select from offers o where o.bonus_id = p_bonus.bonus_id and o.user_id = p_user_id) then
        return 'unknown_bonus';
    elsif p_bonus.audience <> 'users' and not exists (
        select from watching_times w
         where w.user_id = p_user_id and w.ended_at is null
           and (p_bonus.resource is null or w.resource = p_bonus.resource)) then
        return 'unknown_bonus';
    elsif p_bonus.cancelled_at is not null then
        return 'cancelled';
    elsif p_now < p_bonus.opens_at then
        return 'too_early';
    -- Half a second more, for a claim that was made in time and took that long to arrive.
    elsif p_now > p_bonus.expires_at + interval '500 milliseconds' then
        return 'expired';
    elsif p_bonus.min_watched is not null
          and watched(p_user_id, p_bonus.resource, p_bonus.is_visible, p_now) < p_bonus.min_watched then
        return 'not_eligible';
    end if;
    return null;
end $$;
