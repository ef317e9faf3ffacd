-- The roll-ups of the quarters of [p_from, p_to), made from the sessions, by one of the two clocks. A quarter and
-- resource without any session has none.
create or replace function rollups_between(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_visible boolean
) returns setof rollups language sql stable rows 1000 as $$
    with clips as materialized (
        select *, quarter_of(starts_at) as first, quarter_of(greatest(starts_at, ends_at - interval '1 microsecond')) as last
          from clips_between(p_from, p_to, p_now, null, null, true, p_visible)
    ),
    watched as (
        select coalesce(resource, '') as resource, quarter,
               -- In all, a person's minute counts once.
               case grouping(resource) when 0 then sum(ends - greatest(starts_at, quarter))
               else sum(ends - least(greatest(counts_from, quarter), ends)) filter (where counts_from is not null)
               end as watched,
               count(*) filter (where joined_at < quarter) as went_on,
               count(*) filter (where joined_at >= quarter and away_since is null) as began
          from (select *, generate_series(first, last, interval '15 minutes') as quarter from clips) as in_quarter,
               lateral (select least(ends_at, quarter + interval '15 minutes') as ends) as each
         group by grouping sets ((resource, quarter), (quarter))
    ),
    unsure as (
        select coalesce(resource, '') as resource, quarter,
               sum(least(sure_at, quarter + interval '15 minutes') - greatest(uncertain_at, quarter)) as uncertain
          from clips, generate_series(quarter_of(uncertain_at), sure_at - interval '1 microsecond',
                                      interval '15 minutes') as quarter
         where uncertain_at is not null
         group by grouping sets ((resource, quarter), (quarter))
    ),
    returned as (
        select resource, quarter, array_agg(sessions order by n) as came_back
          from (select coalesce(resource, '') as resource, first as quarter, n, count(*)::integer as sessions
                  from clips, generate_series(
                           1, quarters_in(first - quarter_of(away_since - interval '1 microsecond'))) as n
                 where joined_at >= p_from and away_since is not null
                 group by grouping sets ((resource, first, n), (first, n))) as each
         group by resource, quarter
    ),
    changes as (
        select coalesce(resource, '') as resource, at, sum(change)::integer as change,
               -- In all, a user counts once.
               (case grouping(resource) when 0 then sum(change) else sum(of_users) end)::integer as of_users
          from (select resource, starts_at, 1, (counts_from = starts_at)::integer from clips where starts_at is not null
                union all select resource, counts_from, 0, 1 from clips where counts_from > starts_at
                union all select resource, ends_at, -1, -(counts_from is not null)::integer from clips where ends_at < p_to
                union all select resource, quarter, 0, 0 from watched where resource <> ''
               ) as each(resource, at, change, of_users)
         group by grouping sets ((resource, at), (at))
    ),
    counted as (
        select resource, quarter_of(at) as quarter, at, sum(change) over before as viewers, sum(of_users) over before as users
          from changes window before as (partition by resource order by at)
    ),
    peaks as (
        select resource, quarter, min(viewers) filter (where at = quarter) as viewers,
               max(peak_key(viewers, at - quarter)) as of_viewers, max(peak_key(users, at - quarter)) as of_users
          from counted group by resource, quarter
    )
    select p_visible, resource, quarter, coalesce(watched, '0'), coalesce(uncertain, '0'), coalesce(went_on, 0)::integer,
           coalesce(began, 0)::integer, came_back, coalesce(viewers, 0)::integer, coalesce(of_peak(of_viewers), 0),
           quarter + coalesce(at_peak(of_viewers), '0'), coalesce(of_peak(of_users), 0),
           quarter + coalesce(at_peak(of_users), '0')
      from watched full join unsure using (resource, quarter) left join returned using (resource, quarter)
           left join peaks using (resource, quarter)
$$;

-- A number that is the larger the more watch, and of as many the sooner they do: p_after the start of a quarter hour, in
-- microseconds. The largest of it says what else would take a sort.
create or replace function peak_key(p_viewers bigint, p_after interval) returns bigint language sql immutable as $$
    select p_viewers * 900000001 + 900000000 - (date_part('epoch', p_after) * 1000000)::bigint
$$;

-- How many those were.
create or replace function of_peak(p_key bigint) returns integer language sql immutable as $$
    select (p_key / 900000001)::integer
$$;

-- How long after the start of the quarter hour.
create or replace function at_peak(p_key bigint) returns interval language sql immutable as $$
    select (900000000 - p_key % 900000001) * interval '1 microsecond'
$$;
