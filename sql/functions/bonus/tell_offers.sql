-- Write a bonus into the streams of the users it is offered to, once each. The row locks are enough:
-- see append_event. Always in one order, so two calls cannot deadlock; of two that write the same offer
-- the second fails on the event's id and may be tried again.
create or replace function tell_offers(p_bonus bonuses, p_user_ids text[], p_now timestamptz)
returns void language plpgsql as $$
begin
    with fresh as (
        select o.user_id from offers o
         where o.bonus_id = p_bonus.bonus_id and o.user_id = any (p_user_ids) and o.seq is null
         order by o.user_id
    ),
    numbered as (
        insert into user_streams as s (user_id, seq, last_month) select user_id, 1, month_of(p_now) from fresh
            on conflict (user_id) do update set seq = s.seq + 1, last_month = excluded.last_month
            -- With the bonus, so that both columns lead to each offer: else a plan that is made on a small table
            -- reads all offers of the bonus for each of them.
            returning s.user_id, s.seq, p_bonus.bonus_id
    ),
    told as (
        insert into user_events (user_id, seq, type, body, at, action_id)
            select user_id, seq, 'bonus.offered', bonus_json(p_bonus, null), p_now,
                   'bonus.' || p_bonus.bonus_id
              from numbered
    )
    update offers o set seq = n.seq from numbered n
     where o.bonus_id = n.bonus_id and o.user_id = n.user_id;
end $$;
