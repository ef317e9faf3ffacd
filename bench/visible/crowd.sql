-- Users who are here, each with one connection, and with 0 to 19 times for which they were visible before.
-- Setting: bench.users, how many.
insert into watching_times (user_id, resource, joined_at, seen_at, nodes, visible)
    select 'user-' || n, (n % 50)::text, now() - interval '1 hour', now() - interval '1 hour',
           jsonb_build_object('a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live',
                              jsonb_build_object('connection-' || n, jsonb_build_object(
               'at', extract(epoch from now() - interval '1 hour')::numeric(14, 3),
               'ticket', md5(n::text), 'until', 1772928000, 'said', 1,
               'shown', extract(epoch from now())))),
           (select coalesce(range_agg(tstzrange(begins, begins + interval '30 seconds')), '{}')
              from generate_series(1, n % 20) as k,
                   lateral (select now() - interval '1 hour' + k * interval '1 minute') as one(begins))
      from generate_series(0, current_setting('bench.users')::integer - 1) as n;
