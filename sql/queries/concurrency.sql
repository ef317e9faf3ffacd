-- name: concurrency
-- How many watch at once, for each step of [$1, $2), up to now: at (the step begins), viewers (then),
-- peak_viewers (within the step) and peak_at. A user on two resources is two viewers. Viewers are counted once
-- per resolution, counted from $1; with '1 microsecond' at each start and end of a session.
-- $1 begins  $2 ends  $3 step (a multiple of the resolution)  $4 resource (null: all)  $5 resolution
-- $6 now (null: the database's)
-- $7 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
with span as (select least($2, coalesce($6, now())) as until),
crossing as materialized (
    select date_bin($5, greatest(joined_at, $1) + ($5::interval - interval '1 microsecond'), $1) as comes_at,
           date_bin($5, ended_at + ($5::interval - interval '1 microsecond'), $1) as goes_at
      from sessions_between($1::timestamptz, $2::timestamptz, $7)
     where $4::text is null or resource = $4
),
changes as (
    select at, sum(change)::integer as change -- the sum of bigints would be numeric, and slow
      from (select comes_at, 1 from crossing
            union all
            select goes_at, -1 from crossing where goes_at is not null
            union all
            select generate_series($1, until, $3::interval), 0 from span) as each(at, change)
     group by at
),
counted as (
    select at, sum(change) over (order by at) as viewers from changes
),
steps as (
    select date_bin($3, at, $1) as step, at, viewers from counted, span where at < until
)
select ms(step) as at, min(viewers) filter (where at = step) as viewers, max(viewers) as peak_viewers,
       ms((array_agg(at order by viewers desc, at))[1]) as peak_at
  from steps group by step order by step;
