-- name: report_limits
-- In a transaction of its own, before a report: it has $1 milliseconds, then the database cancels it.
-- $1 milliseconds
select limit_report($1);
