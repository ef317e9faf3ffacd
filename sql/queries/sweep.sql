-- name: sweep
-- The next page of open sessions. Returns cycle_started_at, has_more, connections.
-- $1 limit (sessions)
select * from sweep($1);
