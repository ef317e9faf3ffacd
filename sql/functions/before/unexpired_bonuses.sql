-- Bonuses for a user whose window is not over: offered to them, for everyone, and for each resource that they
-- watch; of each kind the 30 that expire first, without those that are cancelled. Each kind along an index of
-- its own, in the order of sort_at, so that the caller reads what it takes. That holds for p_resource, one that
-- the caller knows they watch, and is why it is given; null: none.
--   sort_at  expires_at as the index has it: an offer that was written by older code has infinity
create or replace function unexpired_bonuses(p_user_id text, p_resource text, p_now timestamptz)
returns table (
    sort_at timestamptz, bonus_id uuid, resource text, reward jsonb, opens_at timestamptz, expires_at timestamptz,
    acknowledge boolean, stock integer, min_watched interval, is_visible boolean
) language sql stable rows 10 as $$
    (select o.expires_at, b.bonus_id, b.resource, b.reward, b.opens_at, b.expires_at, b.acknowledge, b.stock, b.min_watched,
            b.is_visible
       from (select o.bonus_id, o.expires_at from offers o
              where o.user_id = p_user_id and o.expires_at > p_now
              order by o.expires_at limit 30) as o
            join bonuses b on b.bonus_id = o.bonus_id and b.cancelled_at is null
      order by o.expires_at)
    union all
    (select b.expires_at, b.bonus_id, b.resource, b.reward, b.opens_at, b.expires_at, b.acknowledge, b.stock, b.min_watched,
            b.is_visible
       from bonuses b
      where b.audience = 'everyone' and b.cancelled_at is null and b.expires_at > p_now
        and exists (select from watching_times w where w.user_id = p_user_id and w.ended_at is null)
      order by b.expires_at limit 30)
    union all
    (select b.expires_at, b.bonus_id, b.resource, b.reward, b.opens_at, b.expires_at, b.acknowledge, b.stock, b.min_watched,
            b.is_visible
       from bonuses b
      where b.audience = 'resource' and b.resource = p_resource and b.cancelled_at is null and b.expires_at > p_now
      order by b.expires_at limit 30)
    union all
    (select r.*
       from watching_times w, lateral (
            select b.expires_at, b.bonus_id, b.resource, b.reward, b.opens_at, b.expires_at, b.acknowledge, b.stock,
                   b.min_watched, b.is_visible
              from bonuses b
             where b.audience = 'resource' and b.resource = w.resource and b.cancelled_at is null
               and b.expires_at > p_now
             order by b.expires_at limit 30) as r
      where w.user_id = p_user_id and w.ended_at is null and w.resource is distinct from p_resource)
$$;
