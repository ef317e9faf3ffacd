-- What bonuses_of shows of those that are not cancelled: claimed, or not refused by claim_refusal but for being
-- too early. The order is that in which unexpired_bonuses reads them, so it stops at the tenth.
create or replace function running_bonuses(
    p_user_id text, p_resource text, p_watched interval, p_now timestamptz
) returns jsonb[] language plpgsql stable as $$
begin
    return (
        with shown as (
            select u.sort_at,
                   bonus_json(u.bonus_id, u.reward, u.opens_at, u.expires_at, u.acknowledge,
                       case when c.user_id is not null then 'claimed'
                            -- Not `exists`: for ten rows the planner would read the stock of all bonuses.
                            when u.stock is not null and (
                                select true from bonus_stock s where s.bonus_id = u.bonus_id limit 1) is null
                            then 'sold_out' end
                   ) as bonus
              from unexpired_bonuses(p_user_id, p_resource, p_now) as u
                   left join claims c on c.bonus_id = u.bonus_id and c.user_id = p_user_id
             where c.user_id is not null or p_now < u.opens_at or u.min_watched is null
                -- In all they have watched as much as of p_resource, or more: that is asked for where it matters, and once.
                or (u.resource is null or u.resource = p_resource) and not u.is_visible and u.min_watched <= p_watched
                or u.min_watched <= case when u.resource is null and u.is_visible
                                         then (select watched(p_user_id, null, true, p_now))
                                         when u.resource is null then (select watched(p_user_id, null, false, p_now))
                                         when u.resource is distinct from p_resource or u.is_visible
                                         then watched(p_user_id, u.resource, u.is_visible, p_now) end
             order by u.sort_at limit 10
        )
        select array_agg(bonus order by sort_at) from shown);
end $$;
