-- Broadcasts in shards, the user's state, acknowledgements, a ledger that whoever pays can follow, limits.

-- They take more, and return more. What the functions before this one were given they still take.
drop function if exists act(text, text, text, jsonb, timestamptz);
drop function if exists claim(text, text, uuid, timestamptz);
drop function if exists watch(text, text, text, text, interval, timestamptz);
drop function if exists append_event(text, text, jsonb, text, timestamptz);
drop function if exists create_bonus(
    uuid, jsonb, text, text, text[], interval, interval, integer, interval, uuid, timestamptz);

-- What the user's clients keep in step, as of seq: a new tab draws it at once.
alter table user_streams add column state jsonb not null default '{}';
-- What an action changed in the state (RFC 7396).
alter table user_events add column patch jsonb;

-- How far ahead of its rate each user is: the moment from which nothing counts against them any more.
-- Unlogged, so that a message which changes nothing does not wait for the disk; a crash forgives all.
create unlogged table user_limits (
    user_id text        primary key,
    free_at timestamptz not null
) with (fillfactor = 50);

alter table bonuses
    -- A device that shows it says so, and who does not is told again.
    add column acknowledge boolean not null default false,
    -- Of the order that made it: the same bonus_id with another one is a conflict.
    add column fingerprint text,
    -- When its ledger was closed: each of its offers has its last entry.
    add column closed_at timestamptz;
-- close_bonuses: those whose window is over.
create index bonuses_unclosed on bonuses (closes_at) where closed_at is null;
-- bonuses: the newest.
create index bonuses_newest on bonuses (created_at, bonus_id);

alter table award_rules
    add column fingerprint text,
    add column ended_at timestamptz;

-- The event that told of it; null: this user has not been told.
alter table offers add column seq bigint;

-- Who has said that a device shows a bonus which wants to be acknowledged.
create table acks (
    bonus_id uuid        not null,
    user_id  text        not null,
    at       timestamptz not null,
    primary key (bonus_id, user_id)
);
-- prune: the oldest.
create index acks_at on acks using brin (at) with (pages_per_range = 32);

alter table ledger
    drop constraint ledger_entry_check,
    add constraint ledger_entry_check
        check (entry in ('created', 'offered', 'claimed', 'expired', 'cancelled')),
    -- Ids are given out before their transactions commit, so whoever follows the ledger by id misses
    -- some. By xid, and only below the oldest that is still under way, nobody does.
    add column xid bigint not null default pg_current_xact_id()::text::bigint;
-- grants: in an order that never changes behind a reader.
create index ledger_grants on ledger (xid, id) where entry = 'claimed';
-- ledger_of: what happened to one user's bonuses, and to everyone's.
create index ledger_user on ledger (user_id, id) where user_id is not null;
create index ledger_everyone on ledger (id) where user_id is null;

-- The last sequence number of the stream of broadcasts.
create table broadcast_stream (
    only_row boolean primary key default true check (only_row),
    seq      bigint  not null
);
insert into broadcast_stream (seq) values (0);

-- What is pushed to an audience: a bonus that is dropped, that it is cancelled, or news.
create table broadcasts (
    -- A bonus' own id for its offer.
    broadcast_id uuid        primary key,
    kind         text        not null check (kind in ('offer', 'cancel', 'news')),
    bonus_id     uuid references bonuses,
    news         jsonb check (octet_length(news::text) <= 4096),
    fingerprint  text,
    audience     text        not null check (audience in ('everyone', 'resource', 'users')),
    resource     text,
    -- Gap-free over all that is not for listed users: they have it in their own streams.
    seq          bigint unique,
    -- The seq of the one before it with the same audience; 0: none.
    follows      bigint,
    at           timestamptz not null,
    -- After this nobody is told any more.
    expires_at   timestamptz not null,
    -- null: it is not in the queue yet; the schedule of awards sees to it.
    queued_at    timestamptz,
    constraint a_bonus_or_news check ((kind = 'news') = (bonus_id is null)),
    constraint news_says_something check ((kind = 'news') = (news is not null)),
    constraint listed_users_have_streams_of_their_own check ((audience = 'users') = (seq is null))
);
-- hello, and what a broadcast follows: those of one audience, in order.
create index broadcasts_audience on broadcasts (audience, resource, seq);
-- unqueued, prune: those that are not over, and those that are.
create index broadcasts_expires_at on broadcasts (expires_at);

-- A keyset range of a broadcast's audience. Whoever holds one works through it, page by page.
create table broadcast_shards (
    broadcast_id  uuid     not null references broadcasts on delete cascade,
    -- 1, then again for those who have not acknowledged.
    round         smallint not null,
    shard         integer  not null,
    -- Pages given out so far; the last of them is being pushed while `reading` is there.
    page          integer  not null default 0,
    -- Sessions up to here are done, those up to `reading` are being pushed, `until` is the last;
    -- null: the last there is.
    after_user_id    text not null,
    after_resource   text not null,
    reading_user_id  text,
    reading_resource text,
    reading_is_last  boolean,
    until_user_id    text,
    until_resource   text,
    -- Who holds it, and until when nobody else may; null: whoever it was has let go.
    worker        uuid,
    held_until    timestamptz,
    done_at       timestamptz,
    -- Of pushes, one per connection.
    sent          bigint not null default 0,
    gone          bigint not null default 0,
    undelivered   bigint not null default 0,
    -- What the end of the window came before.
    dropped       bigint not null default 0,
    primary key (broadcast_id, round, shard)
) with (fillfactor = 50);

-- When the next push may begin, of all workers together. A crash costs nothing but this.
create unlogged table push_budget (
    only_row boolean primary key default true check (only_row),
    free_at  timestamptz not null
);

-- Bonuses whose window is open are on their way: messages in the queue name them.
insert into broadcasts
    (broadcast_id, kind, bonus_id, audience, resource, seq, follows, at, expires_at, queued_at)
    select bonus_id, 'offer', bonus_id, audience, resource,
           case when audience <> 'users' then row_number() over (partition by audience = 'users' order by created_at) end,
           case when audience <> 'users' then 0 end, created_at, closes_at, queued_at
      from bonuses where closes_at > clock_timestamp() and cancelled_at is null;
update broadcast_stream set seq = coalesce((select max(seq) from broadcasts), 0);
