-- The bonuses that a welcome shows to a user: at most 10 that are for them and are open or upcoming, claimed
-- ones too, the first to expire first. Cancelled ones fill what room is left, for clients that still show
-- them. Not shown: bonuses for which they have not watched long enough.
-- It looks at no more than the first of each kind: see unexpired_bonuses.
create or replace function bonuses_of(p_user_id text, p_now timestamptz) returns jsonb
language plpgsql stable as $$
begin
    -- As it is most of the time; this takes a tenth of what is below.
    if not exists (select from bonuses b where b.expires_at > p_now) then
        return '[]';
    end if;
    return (
        with running as (
            select b as bonus, case when c.user_id is not null then 'claimed' end as outcome
              from unexpired_bonuses(p_user_id, p_now) as u
                   join bonuses b on b.bonus_id = u.bonus_id and b.cancelled_at is null
                   left join claims c on c.bonus_id = u.bonus_id and c.user_id = p_user_id
             where c.user_id is not null
                or coalesce(claim_refusal(b, p_user_id, p_now), 'too_early') = 'too_early'
             order by u.expires_at limit 10
        ),
        cancelled as (
            select b as bonus, case when c.user_id is not null then 'claimed' else 'cancelled' end as outcome
              from cancelled_bonuses(p_user_id, p_now) as u
                   join bonuses b on b.bonus_id = u.bonus_id and b.cancelled_at is not null
                   left join claims c on c.bonus_id = u.bonus_id and c.user_id = p_user_id
             order by u.expires_at limit 10 - (select count(*) from running)
        ),
        shown as (select * from running union all select * from cancelled)
        select coalesce(jsonb_agg(bonus_json(bonus, coalesce(outcome,
                   case when (bonus).stock is not null and not exists (
                       select from bonus_stock s where s.bonus_id = (bonus).bonus_id) then 'sold_out' end))
                   order by (bonus).cancelled_at is not null, (bonus).expires_at), '[]')
          from shown);
end $$;
