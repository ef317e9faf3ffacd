-- name: award
-- Award what has been watched for. Returns bonus_id, one row per bonus made.
-- $1 limit (sessions per rule)
select bonus_id from award($1);
