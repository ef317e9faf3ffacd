-- name: health
-- Does the database answer?
select 1;
