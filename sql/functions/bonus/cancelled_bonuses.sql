-- What bonuses_of shows of those that are cancelled: the first to expire, at most p_limit. It looks at the
-- first 30 of the user's offers, as unexpired_bonuses does.
create or replace function cancelled_bonuses(p_user_id text, p_limit integer, p_now timestamptz) returns jsonb[]
language plpgsql stable as $$
begin
    return (
        with unexpired as (
            (select b.bonus_id, b.expires_at from bonuses b
                    join (select o.bonus_id from offers o
                           where o.user_id = p_user_id and o.expires_at > p_now
                           order by o.expires_at limit 30) as mine using (bonus_id)
              where b.cancelled_at is not null)
            union all
            (select b.bonus_id, b.expires_at from bonuses b
              where b.audience = 'everyone' and b.cancelled_at is not null and b.expires_at > p_now
                and exists (select from watching_times w where w.user_id = p_user_id and w.ended_at is null)
              order by b.expires_at limit p_limit)
            union all
            (select r.bonus_id, r.expires_at
               from watching_times w, lateral (
                    select b.bonus_id, b.expires_at from bonuses b
                     where b.audience = 'resource' and b.resource = w.resource and b.cancelled_at is not null
                       and b.expires_at > p_now
                     order by b.expires_at limit p_limit) as r
              where w.user_id = p_user_id and w.ended_at is null)
        ),
        shown as (select bonus_id from unexpired order by expires_at limit p_limit)
        select array_agg(bonus_json(b, case when (
                   -- Not `exists`: for ten rows the planner would read the claims of all users.
                   select true from claims c where c.bonus_id = b.bonus_id and c.user_id = p_user_id limit 1)
                   then 'claimed' else 'cancelled' end) order by b.expires_at)
          from shown join bonuses b using (bonus_id));
end $$;
