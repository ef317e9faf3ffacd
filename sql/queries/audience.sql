-- name: audience
-- The audience of each period of [$1, $2), up to now: starts_at, ends_at (of the period within the interval),
-- unique_viewers, new_viewers, retained_viewers (of the first period), views, sessions, watched_ms, peak_viewers,
-- peak_at. docs/reference/definitions.md says what each is.
-- $1 begins  $2 ends  $3 period: minute, hour or day (null: one)  $4 timezone  $5 resources (null: all)
-- $6 min_length: that a unique viewer watches in the period  $7 resolution: of the peak, counted from $1
-- $8 now (null: the database's)  $9 is_visible: count visible time only
-- $10 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
-- Only the two periods in which a session begins and ends are looked at one by one. Between them it covers all.
with span as materialized (
    select period_starts($1, until, $3, $4) as starts, until
      from (select least($2::timestamptz, coalesce($8, now())) as until) as bounds where until > $1
),
clips as materialized (
    select c.* from span, audience_clips($1, $2, coalesce($8, now()), $5, starts, $9, $10) as c
),
edges as materialized (
    select user_id, n, sum(length) as watched, sum(length) >= $6 as is_viewer, bool_or(is_new) as is_first
      from clips, span, lateral (
               select counts_n as n, least(ends_at, starts[counts_n + 1]) - counts_from as length, is_first as is_new
               union all select last_n, ends_at - starts[last_n], false where last_n > counts_n) as edge
     where is_counted group by user_id, n
),
retained as materialized (select user_id from edges where n = 1 and is_viewer),
at_edges as (
    select n, sum(watched) as watched, count(*) filter (where is_viewer) as viewers,
           count(*) filter (where is_viewer and is_first and (
               select true from sessions_of(e.user_id, $10) as s
                where ($9 or s.ended_at <= $1)
                  and case when not $9 then s.joined_at < $1
                           when s.visible is null then s.joined_at < least($1, s.ended_at)
                           else lower(s.visible) < $1 end
                  and ($5::text[] is null or s.resource = any ($5))
                limit 1) is null) as new_viewers,
           count(*) filter (where is_viewer and r.user_id is not null) as retained
      from edges e left join retained r using (user_id) group by n
),
changes as (
    select n, sum(covers) as covers, sum(covers * of_retained) as retained, sum(sessions) as sessions, sum(views) as views
      from (select c.*, (r.user_id is not null)::integer as of_retained from clips c left join retained r using (user_id)) as c,
           lateral (select counts_n + 1 as n, 1 as covers, 0 as sessions, 0 as views where is_counted and last_n > counts_n + 1
                    union all select last_n, -1, 0, 0 where is_counted and last_n > counts_n + 1
                    union all select first_n + goes_on::integer, 0, 1, is_view::integer where first_n + goes_on::integer <= last_n
                    union all select last_n + 1, 0, -1, 0 where first_n + goes_on::integer <= last_n) as each
     group by n
),
moments as (
    select at, sum(change) as change
      from (select date_bin($7, counts_from + ($7::interval - interval '1 microsecond'), $1), 1 from clips where counts_from < ends_at
            union all
            select date_bin($7, ends_at + ($7::interval - interval '1 microsecond'), $1), -1 from clips where counts_from < ends_at
            union all select greatest(start, $1), 0 from span, unnest(starts) as start) as each(at, change)
     group by at
),
peaks as (
    select width_bucket(at, starts) as n, max(viewers) as viewers, (array_agg(at order by viewers desc, at))[1] as at
      from (select at, sum(change) over (order by at) as viewers from moments) as counted, span where at < until group by 1
)
select ms(greatest(starts[n], $1)) as starts_at, ms(least(starts[n + 1], until)) as ends_at,
       (coalesce(e.viewers, 0) + sum(coalesce(covers, 0)) over before)::bigint as unique_viewers,
       coalesce(e.new_viewers, 0) as new_viewers,
       (coalesce(e.retained, 0) + sum(coalesce(c.retained, 0)) over before)::bigint as retained_viewers,
       coalesce(views, 0)::bigint as views, (sum(coalesce(sessions, 0)) over before)::bigint as sessions,
       milliseconds(coalesce(e.watched, interval '0')
                    + (sum(coalesce(covers, 0)) over before)::float8 * (starts[n + 1] - starts[n])) as watched_ms,
       p.viewers::bigint as peak_viewers, ms(p.at) as peak_at
  from span, generate_series(1, cardinality(starts) - 1) as n
       left join at_edges e using (n) left join changes c using (n) left join peaks p using (n)
window before as (order by n)
 order by n;
