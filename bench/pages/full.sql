-- A show with 150,000 viewers on 1,000 resources, half of them on one, as an operator sees it: 200,000 sessions of the
-- evenings before, 2,000 bonuses of which twenty are open, one with 100,000 claims, 500 news and 5,000 entries of the audit.
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'viewer-' || n, case when n % 2 = 0 then 'final' else 'stream-' || n % 1000 end, joined_at, joined_at,
           jsonb_build_object('gateway-' || n % 10 || '/live', jsonb_build_object('tab-' || n, jsonb_build_object(
               'at', extract(epoch from joined_at)::numeric(14, 3))))
      from (select n, now() - random() ^ 2 * interval '110 minutes' as joined_at from generate_series(1, 150000) as n) as each;
-- The sweep has asked for all of them, and summed up none of the days before.
update sweep_cursor set probed_since = now() - interval '4 minutes';
update rollup_state set rolled_up_to = date_trunc('hour', now() - interval '5 days');
select keep_months(0, now() - months * interval '30 days') from generate_series(1, 0, -1) as months;
alter table past_sessions disable trigger add_watch_totals;
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    select 1000000000 + n, 'viewer-' || (300000 * random())::integer,
           case when n % 2 = 0 then 'final' else 'stream-' || n % 1000 end, ended_at - length, ended_at, 'client', '0'
      from (select n, now() - (1 + n % 3) * interval '1 day' + (random() + random() + random()) * interval '5 hours'
                      as ended_at,
                   least(-ln(1 - random()) * interval '2 hours', interval '6 hours') as length
              from generate_series(1, 200000) as n) as each;
alter table past_sessions enable trigger add_watch_totals;
insert into watch_totals (user_id, resource, watched, last_month)
    select user_id, coalesce(resource, ''), sum(ended_at - joined_at),
           date_trunc('month', max(ended_at) at time zone 'UTC')
      from past_sessions group by grouping sets ((user_id), (user_id, resource));
insert into bonuses (bonus_id, reward, audience, opens_at, expires_at, created_at, ledger_closed_at)
    select gen_random_uuid(), '{"text": "5 coins"}', 'everyone', opens_at,
           case when n <= 20 then now() + interval '1 hour' else opens_at + interval '30 minutes' end, opens_at,
           case when n > 20 then now() end
      from (select n, now() - n * interval '40 minutes' as opens_at from generate_series(1, 2000) as n) as each;
insert into claims (bonus_id, user_id, claim_id, claimed_at)
    select bonus_id, 'viewer-' || n, 'claim-' || n, opens_at + n * interval '1 ms'
      from (select * from bonuses order by opens_at desc limit 1) as latest, generate_series(1, 100000) as n;
insert into broadcasts (broadcast_id, kind, news, audience, seq, follows, at, expires_at)
    select gen_random_uuid(), 'news', '{"type": "note", "body": {"text": "Half time"}}', 'everyone', 1000 + n, 999 + n,
           now() - (500 - n) * interval '1 hour', now() + interval '1 hour' from generate_series(1, 500) as n;
insert into audit (at, author, operation, subject, outcome)
    select now() - n * interval '10 seconds', 'evening', 'create_bonus', 'bonus-' || n, 'created'
      from generate_series(1, 5000) as n;
-- The gateways of these viewers are not there: the sweep would end their sessions.
create or replace function sweep(p_limit integer, p_now timestamptz default null)
returns table (cycle_started_at timestamptz, page integer, has_more boolean, connections jsonb) language sql as
    'select now(), 1, false, ''[]''::jsonb';
