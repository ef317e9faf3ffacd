-- Outside a transaction.
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction

-- reveals: all of them, the newest first.
drop index concurrently if exists reveals_created_at;
create index concurrently if not exists reveals_created_at on reveals (created_at desc, reveal_id desc);
