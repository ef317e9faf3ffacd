-- name: sessions
-- A user's sessions, the newest first. ended_within_ms: how exact the end is.
-- $1 user_id  $2 before_id (null: from the newest)  $3 limit
select id as session_id, resource, ms(join_at) as joined_at, ms(terminate_at) as ended_at, ended_by,
       milliseconds(ended_within) as ended_within_ms,
       milliseconds(coalesce(terminate_at, clock_timestamp()) - join_at) as watched_ms
  from sessions_of($1)
 where $2::bigint is null or id < $2
 order by id desc
 limit $3;
