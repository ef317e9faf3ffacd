-- Why this user cannot claim this bonus now; null if they can. Does not look at the stock.
create or replace function claim_refusal(p_bonus bonuses, p_user_id text, p_now timestamptz)
returns text language plpgsql stable as $$
begin
    if p_bonus.bonus_id is null then
        return 'unknown_bonus';
    elsif p_bonus.cancelled_at is not null then
        return 'cancelled';
    elsif p_now < p_bonus.opens_at then
        return 'too_early';
    -- Half a second more, for a claim that was made in time and took that long to arrive.
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
