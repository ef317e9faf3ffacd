-- After a restore broadcasts begin behind a number that no client has seen: see `notice_restore`. None up to this one
-- is followed by a later broadcast.
alter table broadcast_stream add column begins_after bigint not null default 0;
