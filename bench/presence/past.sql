-- Past sessions of 300,000 users over 90 days, in the order of their ends; half of them on 12 of 50
-- resources. About 20 minutes each, one in a thousand of up to a day. Setting: bench.past, how many. Without the
-- trigger: its totals are for welcomes and awards, no report asks for them, and there is no index yet to find by.
alter table past_sessions disable trigger add_watch_totals;
select keep_months(0, now() - days * interval '1 day') from unnest(array[90, 60, 30, 0]) as days;
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
select 1000000000 + n, 'user-' || (300000 * random())::integer, 'stream-' || floor(50 * random() ^ 2),
       ended_at - length, ended_at,
       (case when n % 50 = 0 then 'swept' else 'client' end)::ending,
       case when n % 50 = 0 then interval '1 minute' else '0' end
  from (select n, now() - interval '90 days' + n * interval '90 days' / rows as ended_at,
               case when n % 1000 = 0 then random() * interval '1 day'
                    else least(-ln(1 - random()) * interval '20 minutes', interval '3 hours') end as length
          from (select current_setting('bench.past')::integer as rows) as one,
               generate_series(1, rows) as n) as each;
alter table past_sessions enable trigger add_watch_totals;
