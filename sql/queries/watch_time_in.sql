-- name: watch_time_in
-- The same as watch_time_by for each period (a day or an hour of UTC) of [$1, $2):
-- starts_at, user_id, resource, sessions, watched_ms, uncertain_ms. A session that crosses midnight
-- gives each day its part.
-- $1 begins  $2 ends  $3 period  $4 by: of user, resource  $5 user_id  $6 resource (null: all)
-- $7 after_starts_at ('-infinity' from the start)  $8 after_user_id  $9 after_resource
-- $10 limit (null: all)  $11 now (null: the database's)
-- Sessions are first summed by the periods in which they begin and end: those sums are few, and only they
-- are spread over all the periods between.
with clips as (
    select case when 'user' = any ($4::text[]) then user_id end as user_id,
           case when 'resource' = any ($4::text[]) then resource end as resource, away_since, c.*
           -- The true end of a session is at most two hours later (`leave`).
      from sessions_between($1::timestamptz - interval '2 hours', $2::timestamptz) as s,
           clipped(joined_at, ended_at, ended_within, $1, $2, coalesce($11, now())) as c
     where ($5::text is null or s.user_id = $5)
       and ($6::text is null or s.resource = $6)
    offset 0
),
-- Materialized: otherwise the planner sorts a million sessions to have sums in order.
summed as materialized (
    select user_id, resource, first, last, is_counted_before, uncertain_first, uncertain_last,
           count(*) as sessions, sum(starts_at - first) as before, sum(ends_at - last) as after,
           sum(uncertain_at - uncertain_first) as uncertain_before, sum(sure_at - uncertain_last) as uncertain_after
      from (select user_id, resource, starts_at, ends_at, uncertain_at, sure_at,
                   -- One that an outage divides counts once a period: by the first of its parts there.
                   coalesce(away_since > $1 and date_bin($3, away_since - interval '1 microsecond', 'epoch')
                                                = date_bin($3, starts_at, 'epoch'), false) as is_counted_before,
                   date_bin($3, starts_at, 'epoch') as first,
                   date_bin($3, greatest(starts_at, ends_at - interval '1 microsecond'), 'epoch') as last,
                   date_bin($3, uncertain_at, 'epoch') as uncertain_first,
                   date_bin($3, sure_at - interval '1 microsecond', 'epoch') as uncertain_last
              from clips
             where starts_at is not null or uncertain_at is not null) as crossing
     group by user_id, resource, first, last, is_counted_before, uncertain_first, uncertain_last
),
spread as (
    select user_id, resource, piece,
           case when piece between first and last and not (piece = first and is_counted_before)
                then sessions else 0 end as sessions,
           part(piece, first, last, $3, sessions, before, after) as watched,
           part(piece, uncertain_first, uncertain_last, $3, sessions, uncertain_before, uncertain_after) as uncertain
      from summed,
           generate_series(least(first, uncertain_first), greatest(last, uncertain_last), $3::interval) as piece
     where piece >= $7
)
select ms(piece) as starts_at, user_id, resource, sum(sessions)::bigint as sessions,
       milliseconds(sum(watched)) as watched_ms, milliseconds(sum(uncertain)) as uncertain_ms
  from spread
 group by piece, user_id, resource
having (piece, coalesce(user_id, ''), coalesce(resource, '')) > ($7, $8, $9)
   and (sum(sessions) > 0 or sum(uncertain) > interval '0')
 order by piece, user_id, resource
 limit $10;
