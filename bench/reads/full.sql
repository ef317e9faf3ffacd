-- Tables of a system that ran for long. 20,000 others watch 10,000 resources. user-0 has 1,000,000 past sessions
-- on them, and 100,000 offers of which 1,000 are open. 50,000 bonuses are open, a third each for everyone, for
-- resources (1,667 for 'site') and for listed users; some are upcoming, cancelled, or ask for watch time.
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'watcher-' || n, 'stream-' || n % 10000, now(), now(),
           jsonb_build_object('gateway/live', jsonb_build_object('tab-' || n, '{"at": 1700000000}'::jsonb))
      from generate_series(1, 20000) as n;
-- The trigger is for the few sessions that end together: it compares each with all others of its user. These follow
-- one another, so their sums are what the user has watched.
alter table past_sessions disable trigger add_watch_totals;
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    select 1000000000 + n, 'user-0', case when n % 10000 = 0 then 'site' else 'stream-' || n % 10000 end,
           now() - n * interval '1 minute', now() - (n - 1) * interval '1 minute', 'client', interval '0'
      from generate_series(1, 1000000) as n;
alter table past_sessions enable trigger add_watch_totals;
insert into watch_totals (user_id, resource, watched, last_month)
    select user_id, coalesce(resource, ''), sum(ended_at - joined_at),
           date_trunc('month', max(ended_at) at time zone 'UTC')
      from past_sessions group by grouping sets ((user_id), (user_id, resource));
insert into bonuses (bonus_id, reward, audience, resource, opens_at, expires_at, min_watched, created_at,
                     cancelled_at, ledger_closed_at, acknowledge)
    select gen_random_uuid(), '{"text": "5 coins"}', audience,
           case when audience = 'resource' then
               case when n % 10 = 0 then 'site' else 'stream-' || n % 10000 end end,
           now() + case when n % 7 = 0 then interval '1 minute' else interval '-1 day' end,
           now() + interval '1 hour' + n * interval '1 ms',
           case when n % 5 = 0 then interval '20 minutes' end, now() - interval '1 day',
           case when n % 11 = 0 then now() end, null, n % 2 = 0
      from generate_series(1, 50000) as n,
           lateral (select (array['everyone', 'resource', 'users'])[n % 3 + 1] as audience) as a;
insert into bonuses (bonus_id, reward, audience, opens_at, expires_at, created_at, ledger_closed_at)
    select gen_random_uuid(), '{"text": "5 coins"}', 'users', now() - interval '2 days',
           now() - n * interval '1 second', now() - interval '2 days', now()
      from generate_series(1, 99000) as n;
insert into offers (bonus_id, user_id, expires_at)
    select bonus_id, 'watcher-1', expires_at from bonuses where audience = 'users'
    union all
    select bonus_id, 'user-0', expires_at from bonuses
     where audience = 'users' and (expires_at < now() or expires_at < now() + interval '1 hour 3 seconds');
insert into ledger (bonus_id, user_id, entry, at, audience, resource)
    select bonus_id, null, 'created', created_at, nullif(audience, 'users'), resource from bonuses
    union all
    select bonus_id, user_id, 'offered', now(), null, null from offers;
insert into claims
    select bonus_id, 'watcher-2', 'c-' || bonus_id, now() from bonuses;
insert into user_streams (user_id, seq) select 'watcher-' || n, 1 from generate_series(1, 20000) as n;
insert into user_events
    select 'watcher-' || n, 1, 'like', '{}', now(), 'a' from generate_series(1, 20000) as n;
insert into broadcasts (broadcast_id, kind, news, audience, resource, seq, follows, at, expires_at)
    select gen_random_uuid(), 'news', '{"type": "goal", "body": {}}', case when n % 2 = 0 then 'everyone' else 'resource' end,
           case when n % 2 = 1 then 'stream-' || n % 10000 end, n, n - 1, now(), now() + (n % 10 - 5) * interval '1 minute'
      from generate_series(1, 50000) as n;
update broadcast_stream set seq = 50000;
