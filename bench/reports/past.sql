-- Past sessions of 300,000 users over a year up to now, in the order of their ends; half of them on 12 of 50 resources.
-- About 20 minutes each, one in a thousand of up to a day. Of 50, one end is uncertain; of 20, one is what came back
-- from an outage; of 4, one was hidden in the middle. Setting: bench.sessions, how many. Without the trigger, which is for
-- some sessions at a time.
alter table past_sessions disable trigger add_watch_totals;
select keep_months(0, now() - months * interval '30 days') from generate_series(12, 0, -1) as months;
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible)
select 1000000000 + n, 'user-' || (300000 * random())::integer, 'stream-' || floor(50 * random() ^ 2),
       ended_at - length, ended_at,
       (case when n % 50 = 0 then 'swept' else 'client' end)::ending,
       case when n % 50 = 0 then random() * interval '2 hours' else '0' end,
       case when n % 20 = 0 then ended_at - length - random() ^ 4 * interval '1 hour' end,
       case when n % 4 = 0 and length > interval '4 seconds'
            then tstzmultirange(tstzrange(ended_at - length, ended_at - 0.7 * length),
                                tstzrange(ended_at - 0.4 * length, ended_at)) end
  from (select n, now() - interval '360 days' + n::float8 / rows * interval '360 days' as ended_at,
               case when n % 1000 = 0 then random() * interval '1 day'
                    else least(-ln(1 - random()) * interval '20 minutes', interval '3 hours') end as length
          from (select current_setting('bench.sessions')::integer as rows) as one,
               generate_series(1, rows) as n) as each;
alter table past_sessions enable trigger add_watch_totals;
insert into watch_totals (user_id, resource, watched, last_month, first_at, first_visible_at)
select user_id, coalesce(resource, ''), sum(ended_at - joined_at), date_trunc('month', max(ended_at) at time zone 'UTC'),
       min(joined_at), min(joined_at)
  from past_sessions group by grouping sets ((user_id), (user_id, resource));
