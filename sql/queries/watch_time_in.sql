-- name: watch_time_in
-- The same as watch_time_by for each period (a day or an hour of a time zone) of [$1, $2):
-- starts_at, user_id, resource, sessions, watched_ms, uncertain_ms. A session that crosses midnight
-- gives each day its part.
-- $1 begins  $2 ends  $3 period: day or hour  $4 timezone  $5 by: of user, resource
-- $6 user_id  $7 resource (null: all)
-- $8 after_starts_at ('-infinity' from the start)  $9 after_user_id  $10 after_resource
-- $11 limit (null: all)  $12 now (null: the database's)  $13 is_visible: count visible time only
-- $14 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
-- Sessions are first summed by the periods in which they begin and end: those sums are few, and only they
-- are spread over all the periods between.
with clips as (
    select case when 'user' = any ($5::text[]) then user_id end as user_id,
           case when 'resource' = any ($5::text[]) then resource end as resource,
           away_since, starts_at, ends_at, counts_from, uncertain_at, sure_at
      from clips_between($1, $2, coalesce($12, now()), $6, case when $7::text is not null then array[$7::text] end,
                         'resource' <> all ($5::text[]) and $7::text is null, $13, $14)
    offset 0
),
-- Up to where the last end may lie: an interval may end in the year 9999.
periods as materialized (
    select period_starts($1, least($2, greatest($1, coalesce($12, now())) + interval '3 hours'), $3, $4) as starts
),
-- Materialized: otherwise the planner sorts a million sessions to have sums in order.
summed as materialized (
    select user_id, resource, first, last, counts_first, is_counted_before, uncertain_first, uncertain_last,
           count(*) as sessions, sum(counts_from - counts_first) as before, sum(ends_at - last) as after,
           sum(uncertain_at - uncertain_first) as uncertain_before, sum(sure_at - uncertain_last) as uncertain_after
      from (select user_id, resource, ends_at, uncertain_at, sure_at, counts_from,
                   -- One that an outage divides counts once a period: by the first of its parts there.
                   coalesce(away_since > $1 and away_since > first, false) as is_counted_before, first,
                   starts[width_bucket(greatest(starts_at, ends_at - interval '1 microsecond'), starts)] as last,
                   case when counts_from = starts_at then first
                        else starts[width_bucket(counts_from, starts)] end as counts_first,
                   uncertain_first,
                   starts[width_bucket(sure_at - interval '1 microsecond', starts)] as uncertain_last
              from (select *, starts[width_bucket(starts_at, starts)] as first,
                           starts[width_bucket(uncertain_at, starts)] as uncertain_first
                      from clips, periods) as beginning) as crossing
     group by user_id, resource, first, last, counts_first, is_counted_before, uncertain_first, uncertain_last
),
spread as (
    select user_id, resource, piece,
           case when piece between first and last and not (piece = first and is_counted_before)
                then sessions else 0 end as sessions,
           part(piece, counts_first, last, length, sessions, before, after) as watched,
           part(piece, uncertain_first, uncertain_last, length, sessions, uncertain_before, uncertain_after) as uncertain
      from summed, periods,
           generate_series(width_bucket(least(first, uncertain_first), starts),
                           width_bucket(greatest(last, uncertain_last), starts)) as n,
           lateral (select starts[n] as piece, starts[n + 1] - starts[n] as length) as each
     where piece >= $8
)
select ms(piece) as starts_at, user_id, resource, sum(sessions)::bigint as sessions,
       milliseconds(sum(watched)) as watched_ms, milliseconds(sum(uncertain)) as uncertain_ms
  from spread
 where (select starts from periods) is not null -- an unknown time zone is one without sessions, too
 group by piece, user_id, resource
having (piece, coalesce(user_id, ''), coalesce(resource, '')) > ($8, $9, $10)
   and (sum(sessions) > 0 or sum(uncertain) > interval '0')
 order by piece, user_id, resource
 limit $11;
