-- The bonuses that are for a user and neither over by time nor cancelled, and what each is for them (see `offer_of`): those
-- that expire after (p_after, p_after_id), of each kind of audience among the first 100. Each kind along an index of its own
-- in the order of sort_at and the id, so that the caller reads what it takes. That holds for p_resource, one that the
-- caller knows they watch, and is why it is given; null: none.
create or replace function offers_after(
    p_user_id text, p_resource text, p_after timestamptz, p_after_id uuid, p_now timestamptz
) returns table (sort_at timestamptz, bonus_id uuid, bonus bonuses, state text, outcome text, progress jsonb)
language sql stable rows 10 as $$
    select u.sort_at, u.bonus_id, u.bonus, o.state, o.outcome, o.progress
      from (
        (select o.expires_at as sort_at, o.bonus_id, b as bonus
           from offers o join bonuses b on b.bonus_id = o.bonus_id and b.cancelled_at is null
          where o.user_id = p_user_id and (o.expires_at, o.bonus_id) > (p_after, p_after_id)
          order by o.expires_at, o.bonus_id limit 100)
        union all
        (select b.expires_at, b.bonus_id, b
           from bonuses b
          where b.audience = 'everyone' and b.cancelled_at is null and (b.expires_at, b.bonus_id) > (p_after, p_after_id)
          order by b.expires_at, b.bonus_id limit 100)
        union all
        (select b.expires_at, b.bonus_id, b
           from bonuses b
          where b.audience = 'resource' and b.resource = p_resource and b.cancelled_at is null
            and (b.expires_at, b.bonus_id) > (p_after, p_after_id)
          order by b.expires_at, b.bonus_id limit 100)
        union all
        (select r.*
           from watching_times w, lateral (
                select b.expires_at, b.bonus_id, b
                  from bonuses b
                 where b.audience = 'resource' and b.resource = w.resource and b.cancelled_at is null
                   and (b.expires_at, b.bonus_id) > (p_after, p_after_id)
                 order by b.expires_at, b.bonus_id limit 100) as r
          where w.user_id = p_user_id and w.ended_at is null and w.resource is distinct from p_resource
          order by r.expires_at, r.bonus_id)
      ) as u
           left join claims c on c.bonus_id = u.bonus_id and c.user_id = p_user_id,
           lateral offer_of(u.bonus, p_user_id, c.user_id is not null, is_sold_out(u.bonus), p_now) as o
     where o.state <> 'hidden' and o.outcome is distinct from 'expired'
$$;
