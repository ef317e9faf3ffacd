-- Whether the clock has run on for six hours without a jump of more than an hour. The sweep asks before it
-- removes what is old. Each call compares the time with that of the last one; the first finds nothing to
-- compare with.
create or replace function is_clock_steady(p_now timestamptz default null) returns boolean language sql as $$
    insert into clock_watch as c (seen_at) values (coalesce(p_now, clock_timestamp()))
        on conflict (only_row) do update
           set steady_since = case when excluded.seen_at between c.seen_at - interval '1 hour'
                                                             and c.seen_at + interval '1 hour'
                                   then c.steady_since else excluded.seen_at end,
               seen_at = excluded.seen_at
    returning seen_at >= steady_since + interval '6 hours'
$$;
