-- Outside a transaction.
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction

-- read_page, plan_shards: the users that a broadcast tells how far they are.
drop index concurrently if exists campaign_progress_told;
create index concurrently if not exists campaign_progress_told on campaign_progress (told_by, user_id) where told_by is not null;
