-- Write a bonus into the streams of the users it is offered to, once each. The row locks are enough:
-- see append_event. Always in one order, so two calls cannot deadlock; of two that write the same offer
-- the second fails on the event's id and may be tried again.
create or replace function tell_offers(p_bonus bonuses, p_user_ids text[], p_now timestamptz)
returns void language plpgsql as $$
begin
    with fresh as (
        select o.user_id from offers o
         where o.bonus_id = p_bonus.bonus_id and o.user_id = any (p_user_ids) and o.seq is null
         order by o.user_id for update
    ),
    numbered as (
        insert into user_streams as s (user_id, seq, last_month) select user_id, 1, month_of(p_now) from fresh
            on conflict (user_id) do update set seq = s.seq + 1, last_month = excluded.last_month
            returning s.user_id, s.seq
    ),
    told as (
        insert into user_events (user_id, seq, type, body, at, action_id)
            select user_id, seq, 'bonus.offered', bonus_json(p_bonus, null, progress_of(p_bonus, user_id, p_now)), p_now,
                   'bonus.' || p_bonus.bonus_id
              from numbered
    )
    -- All of these are there and locked. An update would join them, perhaps all offers with all that is told.
    insert into offers (bonus_id, user_id, expires_at, seq)
        select p_bonus.bonus_id, user_id, p_bonus.expires_at, seq from numbered
        on conflict (bonus_id, user_id) do update set seq = excluded.seq;
end $$;
