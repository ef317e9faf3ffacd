-- As unexpired_bonuses, but those for everyone and for a resource that are cancelled.
create or replace function cancelled_bonuses(p_user_id text, p_now timestamptz)
returns table (bonus_id uuid, expires_at timestamptz) language sql stable rows 10 as $$
    (select o.bonus_id, o.expires_at from offers o
      where o.user_id = p_user_id and o.expires_at > p_now
      order by o.expires_at limit 50)
    union all
    (select b.bonus_id, b.expires_at from bonuses b
      where b.audience = 'everyone' and b.cancelled_at is not null and b.expires_at > p_now
        and exists (select from watching_times w where w.user_id = p_user_id and w.ended_at is null)
      order by b.expires_at limit 50)
    union all
    (select r.bonus_id, r.expires_at
       from watching_times w, lateral (
            select b.bonus_id, b.expires_at from bonuses b
             where b.audience = 'resource' and b.resource = w.resource and b.cancelled_at is not null
               and b.expires_at > p_now
             order by b.expires_at limit 50) as r
      where w.user_id = p_user_id and w.ended_at is null)
$$;
