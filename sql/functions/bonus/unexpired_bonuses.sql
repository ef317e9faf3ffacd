-- Bonuses for a user whose window is not over: offered to them, for everyone, and for each resource that they
-- watch; of each kind the 30 that expire first. Each kind along an index of its own, so that the caller reads
-- what it takes. The caller looks whether they are cancelled.
create or replace function unexpired_bonuses(p_user_id text, p_now timestamptz)
returns table (bonus_id uuid, expires_at timestamptz) language sql stable rows 10 as $$
    (select o.bonus_id, o.expires_at from offers o
      where o.user_id = p_user_id and o.expires_at > p_now
      order by o.expires_at limit 30)
    union all
    (select b.bonus_id, b.expires_at from bonuses b
      where b.audience = 'everyone' and b.cancelled_at is null and b.expires_at > p_now
        and exists (select from watching_times w where w.user_id = p_user_id and w.ended_at is null)
      order by b.expires_at limit 30)
    union all
    (select r.bonus_id, r.expires_at
       from watching_times w, lateral (
            select b.bonus_id, b.expires_at from bonuses b
             where b.audience = 'resource' and b.resource = w.resource and b.cancelled_at is null
               and b.expires_at > p_now
             order by b.expires_at limit 30) as r
      where w.user_id = p_user_id and w.ended_at is null)
$$;
