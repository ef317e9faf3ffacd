-- name: watch_time_in
-- The same as watch_time_by for each piece of $3 (a day, an hour, as UTC has them) of [$1, $2):
-- starts_at, user_id, resource, sessions, watched_ms, uncertain_ms. A session that crosses midnight
-- gives each day its part.
-- $1 from  $2 to  $3 size of a piece  $4 by: of user, resource  $5 user_id  $6 resource (null: all)
-- $7 after_starts_at ('-infinity' from the start)  $8 after_user_id  $9 after_resource
-- $10 limit (null: all)  $11 now (null: the database's)
-- Sessions are first summed by the pieces of time in which they begin and end: those sums are few, and
-- only they are spread over all the pieces between.
with clips as (
    select case when 'user' = any ($4::text[]) then user_id end as user_id,
           case when 'resource' = any ($4::text[]) then resource end as resource, c.*
           -- The true end of a session is at most two hours later (`leave`).
      from sessions_between($1::timestamptz - interval '2 hours', $2::timestamptz) as s,
           clipped(join_at, terminate_at, ended_within, $1, $2, coalesce($11, now())) as c
     where ($5::text is null or s.user_id = $5)
       and ($6::text is null or s.resource = $6)
    offset 0
),
-- Materialized, or the planner sorts a million sessions because sums in order would be of use to it.
summed as materialized (
    select user_id, resource, first, last, doubt_first, doubt_last,
           count(*) as sessions, sum(starts_at - first) as before, sum(ends_at - last) as after,
           sum(doubt_at - doubt_first) as doubt_before, sum(sure_at - doubt_last) as doubt_after
      from (select user_id, resource, starts_at, ends_at, doubt_at, sure_at,
                   date_bin($3, starts_at, 'epoch') as first,
                   date_bin($3, greatest(starts_at, ends_at - interval '1 microsecond'), 'epoch') as last,
                   date_bin($3, doubt_at, 'epoch') as doubt_first,
                   date_bin($3, sure_at - interval '1 microsecond', 'epoch') as doubt_last
              from clips
             where starts_at is not null or doubt_at is not null) as crossing
     group by user_id, resource, first, last, doubt_first, doubt_last
),
spread as (
    select user_id, resource, piece,
           case when piece between first and last then sessions else 0 end as sessions,
           part(piece, first, last, $3, sessions, before, after) as watched,
           part(piece, doubt_first, doubt_last, $3, sessions, doubt_before, doubt_after) as uncertain
      from summed,
           generate_series(least(first, doubt_first), greatest(last, doubt_last), $3::interval) as piece
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
