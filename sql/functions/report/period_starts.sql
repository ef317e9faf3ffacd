-- When the periods of [p_from, p_to) begin: from the one in which p_from lies, and one more, at p_to or behind
-- it. Minutes are counted from p_from. Days and hours are those of a time zone: a day begins with its first
-- moment, which is not always its midnight; its hours are 60 minutes long, counted from there. Null: one period,
-- the interval. An unknown time zone is an error (22023).
create or replace function period_starts(
    p_from timestamptz, p_to timestamptz, p_period text, p_timezone text
) returns timestamptz[] language sql stable as $$
    select case p_period
           when 'minute' then array(select generate_series(
                    p_from, p_to + interval '1 minute' - interval '1 microsecond', interval '1 minute'))
           when 'hour' then local_starts(p_from, p_to, interval '1 hour', p_timezone)
           -- No day is that long.
           when 'day' then local_starts(p_from, p_to, interval '1000 hours', p_timezone)
           else array[p_from, p_to] end
$$;

-- The same for the days of a time zone, divided into pieces of p_step.
create or replace function local_starts(
    p_from timestamptz, p_to timestamptz, p_step interval, p_timezone text
) returns timestamptz[] language sql stable as $$
    with days as (
        -- A midnight that comes twice or not at all is the second behind the one before, which comes once.
        select (midnight - interval '1 second') at time zone p_timezone + interval '1 second' as starts_at
          from generate_series(
                   date_trunc('day', p_from at time zone p_timezone) - interval '24 hours',
                   date_trunc('day', p_to at time zone p_timezone) + interval '48 hours',
                   interval '24 hours') as midnight
    ),
    starts as (
        select starts_at
          from (select starts_at as day, lead(starts_at) over (order by starts_at) as next_day from days) as spans,
               generate_series(day, next_day - interval '1 microsecond', p_step) as starts_at
    )
    select array_agg(starts_at order by starts_at) from starts
     where starts_at >= (select max(starts_at) from starts where starts_at <= p_from)
       and starts_at <= (select min(starts_at) from starts where starts_at >= p_to)
$$;
