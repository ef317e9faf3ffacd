-- name: watch_time
-- Is a user online, and how long have they watched on all resources together?
-- $1 user_id
select exists (select from watching_times where user_id = $1 and ended_at is null) as online,
       milliseconds(watched($1, null, clock_timestamp())) as watched_ms,
       ms(clock_timestamp()) as server_now;
