-- name: sessions
-- Sessions that cross [$1, $2), the last to end first and open ones before all: session_id, user_id,
-- resource, their own joined_at and ended_at, ended_by, ended_within_ms (how exact the end is), away_since
-- (when the part before this one ended, if an outage divides the session), and watched_ms within the interval; revision (which correction wrote this row; 0: as recorded) and replaced_by (which one
-- has replaced it). position: $8 for the page behind it, in microseconds; for an open one
-- the largest bigint.
-- $1 begins  $2 ends ('-infinity' and 'infinity': the whole history)
-- $3 user_id  $4 resource  $5 ended_by  $6 min_length  $7 max_length (null: any)
-- $8 before_ended_at ('infinity': open)  $9 before_id (null: from the start)  $10 limit (null: all)
-- $11 now (null: the database's)  $12 is_corrected: past ones as they were corrected, otherwise as recorded
-- The same three times, each in the order of an index: open, past, and past of more than four hours
-- (see migrations/0004_reports.sql).
with wanted as (
    (select id, user_id::text, resource::text, joined_at, ended_at, ended_by, ended_within, away_since,
            0 as revision, null::integer as replaced_by
       from watching_times
      where joined_at < $2
        and (ended_at is null or ended_at > $1 or (ended_at = $1 and joined_at = $1))
        and ($3::text is null or user_id = $3)
        and ($4::text is null or resource = $4)
        and ($5::text is null or ended_by = $5::ending)
        and ($6::interval is null or coalesce(ended_at, $11, now()) - joined_at >= $6)
        and ($7::interval is null or coalesce(ended_at, $11, now()) - joined_at <= $7)
        and ($9::bigint is null or (coalesce(ended_at, 'infinity'), id) < ($8, $9))
      order by ended_at desc nulls first, id desc limit $10)
    union all
    (select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, revision, replaced_by
       from read_past($12)
      where ended_at >= $1 and ended_at < $2::timestamptz + interval '4 hours' and joined_at < $2
        and ended_at - joined_at <= interval '4 hours'
        and (ended_at > $1 or joined_at = $1)
        and ($3::text is null or user_id = $3)
        and ($4::text is null or resource = $4)
        and ($5::text is null or ended_by = $5::ending)
        and ($6::interval is null or ended_at - joined_at >= $6)
        and ($7::interval is null or ended_at - joined_at <= $7)
        and ($9::bigint is null or (ended_at, id) < ($8, $9))
      order by ended_at desc, id desc limit $10)
    union all
    (select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, revision, replaced_by
       from read_past($12)
      where ended_at > $1 and joined_at < $2 and ended_at - joined_at > interval '4 hours'
        and ($3::text is null or user_id = $3)
        and ($4::text is null or resource = $4)
        and ($5::text is null or ended_by = $5::ending)
        and ($6::interval is null or ended_at - joined_at >= $6)
        and ($7::interval is null or ended_at - joined_at <= $7)
        and ($9::bigint is null or (ended_at, id) < ($8, $9))
      order by ended_at desc, id desc limit $10)
)
select id as session_id, user_id, resource, ms(joined_at) as joined_at, ms(ended_at) as ended_at,
       ended_by::text, milliseconds(ended_within) as ended_within_ms,
       ms(away_since) as away_since, revision, replaced_by,
       coalesce(milliseconds(c.ends_at - c.starts_at), 0) as watched_ms,
       coalesce((extract(epoch from ended_at) * 1000000)::bigint, 9223372036854775807) as position
  from wanted, clipped(joined_at, ended_at, ended_within, $1, $2, coalesce($11, now())) as c
 order by wanted.ended_at desc nulls first, id desc
 limit $10;
