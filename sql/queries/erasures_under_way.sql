-- name: erasures_under_way
-- The erasures that are not done: a request that ended before they were, or a function that did.
select erasure_id from erasures where done_at is null order by asked_at limit 100;
