-- name: unqueued
-- The bonuses whose broadcast is not in the queue though it should be. Returns bonus_id. The newest
-- are left to who is making them.
select bonus_id from bonuses
 where queued_at is null and cancelled_at is null and closes_at > clock_timestamp()
   and (rule_id is not null or created_at < clock_timestamp() - interval '10 seconds')
 order by created_at limit 1000;
