-- Users who are online, each on one of the 50 resources for up to two hours. Setting: bench.online, how many.
insert into watching_times (user_id, resource, joined_at, seen_at, was_alone, nodes)
    select 'watcher-' || n, 'stream-' || floor(50 * random() ^ 2), joined_at, joined_at, true,
           jsonb_build_object('gateway/live', jsonb_build_object('tab-' || n, jsonb_build_object(
               'at', extract(epoch from joined_at)::numeric(14, 3), 'ticket', gen_random_uuid(), 'until', 2000000000)))
      from (select n, now() - random() * interval '2 hours' as joined_at
              from generate_series(1, current_setting('bench.online')::integer) as n) as each;
-- The sweep has asked for all of them.
update sweep_cursor set probed_since = now() - interval '4 minutes';
