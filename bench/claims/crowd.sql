-- Everybody is here, on one device each. Settings: bench.users, how many; bench.node.
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'user-' || n, 'site', now(), now(),
           jsonb_build_object(current_setting('bench.node'), jsonb_build_object(
               'tab-' || n, jsonb_build_object('at', extract(epoch from now())::numeric(14, 3))))
      from generate_series(0, current_setting('bench.users')::integer - 1) as n;
