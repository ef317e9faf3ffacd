-- The crowd in our tables, as `connect` and `finalize` would have left it.
select * from keep_months(0);
insert into watching_times (user_id, resource, joined_at, seen_at, was_alone, nodes)
    select user_id, resource, joined_at, joined_at, true,
           jsonb_build_object(current_setting('bench.node'), jsonb_build_object(
               connection_id, jsonb_build_object('at', extract(epoch from joined_at)::numeric(14, 3))))
      from crowd;
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    select nextval(pg_get_serial_sequence('watching_times', 'id')), user_id, resource, joined_at,
           ended_at, 'client', '0'
      from crowd_before;
