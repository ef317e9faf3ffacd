-- The question that a broadcast to listed users tells of: its opening, its tally, or that it is cancelled.
create or replace function question_of(p_broadcast broadcasts) returns uuid language sql stable as $$
    select case when p_broadcast.kind = 'news' and p_broadcast.audience = 'users'
                then (p_broadcast.news -> 'body' ->> 'question_id')::uuid end
$$;

-- Write a broadcast about a question into the streams of listed users, once each, as `tell_offers` does.
create or replace function tell_listed(p_broadcast broadcasts, p_user_ids text[], p_now timestamptz)
returns void language plpgsql as $$
declare
    v_action_id text := 'news.' || p_broadcast.broadcast_id;
begin
    with fresh as (
        select listed.user_id from unnest(p_user_ids) as listed (user_id)
         where not exists (select from user_events e where e.user_id = listed.user_id and e.action_id = v_action_id)
    ),
    numbered as (
        insert into user_streams as s (user_id, seq, last_month)
            select user_id, 1, month_of(p_now) from fresh order by user_id
            on conflict (user_id) do update set seq = s.seq + 1, last_month = excluded.last_month
            returning s.user_id, s.seq
    )
    insert into user_events (user_id, seq, type, body, at, action_id)
        select user_id, seq, p_broadcast.news ->> 'type', p_broadcast.news -> 'body', p_now, v_action_id from numbered;
end $$;
