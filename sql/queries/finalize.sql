-- name: finalize
-- Finalize what is due: it becomes presence events. Returns events: how many, and is_behind: there is more.
-- $1 limit
select events, is_behind from finalize($1);
