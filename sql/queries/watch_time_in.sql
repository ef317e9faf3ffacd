-- name: watch_time_in
-- The same as watch_time_by for each period (a day or an hour of a time zone) of [$1, $2):
-- starts_at, user_id, resource, sessions, watched_ms, uncertain_ms. A session that crosses midnight
-- gives each day its part.
-- $1 begins  $2 ends  $3 period: day or hour  $4 timezone  $5 by: of user, resource
-- $6 user_id  $7 resource (null: all)
-- $8 after_starts_at ('-infinity' from the start)  $9 after_user_id  $10 after_resource
-- $11 limit (null: all)  $12 now (null: the database's)  $13 is_visible: count visible time only
-- $14 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
select ms(period) as starts_at, user_id, resource, sessions, milliseconds(watched) as watched_ms,
       milliseconds(uncertain) as uncertain_ms
  -- Up to where the last end may lie: an interval may end in the year 9999.
  from period_starts($1, least($2, greatest($1, coalesce($12, now())) + interval '3 hours'), $3, $4) as starts,
       sums_of_sessions($1, $2, coalesce($12, now()), $1, starts, $5, $6, $7, $13, $14)
 where (period, coalesce(user_id, ''), coalesce(resource, '')) > ($8, $9, $10)
   and (sessions > 0 or watched > interval '0' or uncertain > interval '0')
 order by period, user_id, resource
 limit $11;
