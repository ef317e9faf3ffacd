-- How many watch at once, for each step of [p_from, p_to), up to p_now: at (the step begins), viewers (then),
-- peak_viewers (within the step) and peak_at, from the sessions. Viewers are counted once per resolution, counted from
-- p_from; with '1 microsecond' at each start and end of a session. It is inlined into its caller.
create or replace function viewers_in_sessions(
    p_from timestamptz, p_to timestamptz, p_step interval, p_resource text, p_resolution interval, p_now timestamptz,
    p_corrected boolean default true
) returns table (at timestamptz, viewers bigint, peak_viewers bigint, peak_at timestamptz)
language sql stable rows 1000 as $$
    with span as (select least(p_to, p_now) as until),
    crossing as materialized (
        select date_bin(p_resolution, greatest(joined_at, p_from) + (p_resolution - interval '1 microsecond'), p_from) as comes_at,
               date_bin(p_resolution, ended_at + (p_resolution - interval '1 microsecond'), p_from) as goes_at
          from sessions_between(p_from, p_to, p_corrected)
         where p_resource is null or resource = p_resource
    ),
    changes as (
        select at, sum(change)::integer as change -- the sum of bigints would be numeric, and slow
          from (select comes_at, 1 from crossing
                union all
                select goes_at, -1 from crossing where goes_at is not null
                union all
                select generate_series(p_from, until, p_step), 0 from span) as each(at, change)
         group by at
    ),
    counted as (
        select at, sum(change) over (order by at) as viewers from changes
    ),
    steps as (
        select date_bin(p_step, at, p_from) as step, at, viewers from counted, span where at < until
    )
    select step, min(viewers) filter (where at = step), max(viewers), (array_agg(at order by viewers desc, at))[1]
      from steps group by step
$$;
