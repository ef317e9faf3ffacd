-- What bonuses_of shows of those that are not cancelled: claimed, or not refused by claim_refusal but for being
-- too early. Its order is that of an index, so it stops at the tenth.
create or replace function running_bonuses(p_user_id text, p_now timestamptz) returns jsonb
language plpgsql stable as $$
begin
    return (
        with shown as (
            select b as bonus, case when c.user_id is not null then 'claimed' end as outcome
              from unexpired_bonuses(p_user_id, p_now) as u
                   join bonuses b on b.bonus_id = u.bonus_id and b.cancelled_at is null
                   left join claims c on c.bonus_id = u.bonus_id and c.user_id = p_user_id
             where c.user_id is not null or p_now < b.opens_at or b.min_watched is null
                or watched(p_user_id, b.resource, p_now) >= b.min_watched
             order by u.expires_at limit 10
        )
        select coalesce(jsonb_agg(bonus_json(bonus, coalesce(outcome,
                   case when (bonus).stock is not null and not exists (
                       select from bonus_stock s where s.bonus_id = (bonus).bonus_id) then 'sold_out' end))
                   order by (bonus).expires_at), '[]')
          from shown);
end $$;
