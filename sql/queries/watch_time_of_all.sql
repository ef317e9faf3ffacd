-- name: watch_time_of_all
-- The watch time of all users in [$1, $2), for each period (a day or an hour of a time zone; null: in one) and, if asked
-- for, resource: starts_at, user_id (null), resource, sessions, watched_ms, uncertain_ms. The same as watch_time_in
-- and watch_time_by say, from roll-ups as far as there are any: those are of sessions as they were corrected.
-- $1 begins  $2 ends  $3 period: day or hour (null: one)  $4 timezone  $5 by_resource  $6 resource (null: all)
-- $7 after_starts_at ('-infinity' from the start)  $8 after_resource  $9 limit (null: all)
-- $10 now (null: the database's)  $11 is_visible: count visible time only
-- $12 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
select case when $3::text is not null then ms(period) end as starts_at, null::text as user_id, resource,
       sum(sessions)::bigint as sessions, milliseconds(sum(watched)) as watched_ms,
       milliseconds(sum(uncertain)) as uncertain_ms
  from watch_time_of_all($1, $2, $3, $4, $5, $6, coalesce($10, now()), $11, $12)
 group by period, resource
having (period, coalesce(resource, '')) > ($7, $8)
   and (sum(sessions) > 0 or sum(watched) > interval '0' or sum(uncertain) > interval '0')
 order by period, resource
 limit $9;
