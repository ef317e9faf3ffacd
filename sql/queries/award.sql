-- name: award
-- Award what has been watched for. Returns made: how many bonuses; 0 when nothing is due any more.
-- $1 limit (sessions per rule)
select award($1) as made;
