-- name: keep_months
-- Make the months of past sessions that are needed, drop those that are too old. Returns made, dropped.
-- $1 keep_months (0: drop none)
select made, dropped from keep_months($1);
