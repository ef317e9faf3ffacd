-- name: sweep
-- The next page of open sessions. Returns cycle_started_at, has_more, connections, and for how long
-- this cycle has been under way: cycle_age_seconds.
-- $1 limit (sessions)
select *, extract(epoch from clock_timestamp() - cycle_started_at)::float8 as cycle_age_seconds from sweep($1);
