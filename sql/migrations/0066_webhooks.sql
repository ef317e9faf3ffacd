-- Webhooks: other systems are told what happens. All of them read one log, of those events that one of them wants.

create table webhooks (
    webhook_id    uuid primary key,
    url           text not null check (length(url) between 1 and 2048),
    types         text[] not null check (cardinality(types) between 1 and 20),
    resource      text check (length(resource) between 1 and 128),  -- null: all
    secret        text not null,          -- as the receiver has it: it signs, so a hash would not do
    old_secret    text,                   -- signs as well until old_until
    old_until     timestamptz,
    fingerprint   text,
    created_at    timestamptz not null,
    off_at        timestamptz,
    off_by        text check (off_by in ('order', 'gone', 'failing', 'behind')),
    done_seq      bigint not null,        -- each event up to it was delivered, or is among the deliveries
    delivered     bigint not null default 0,
    delivered_at  timestamptz,
    failures      integer not null default 0,  -- passes in a row in which nothing was delivered
    failing_since timestamptz,
    next_at       timestamptz not null default '-infinity',  -- not before it
    worker        uuid,
    held_until    timestamptz not null default '-infinity',
    constraint off_for_a_reason check ((off_at is null) = (off_by is null)),
    constraint old_for_some_time check ((old_secret is null) = (old_until is null))
);

create table webhook_events (
    seq         bigint primary key,
    event_id    uuid not null,      -- the same however often it is sent
    type        text not null,
    webhook_id  uuid,               -- of a test: for this webhook only
    user_id     text check (length(user_id) between 1 and 128),
    resource    text,
    at          timestamptz not null,
    recorded_at timestamptz not null,
    data        jsonb not null
);
-- From which event on a replay begins; what is to be pruned.
create index webhook_events_recorded_at on webhook_events (recorded_at);

-- Where the log begins and ends, and up to where its sources were read.
create table webhook_log (
    only_row     boolean primary key default true check (only_row),
    last_seq     bigint not null default 0,
    pruned_seq   bigint not null default 0,
    pruned_at    timestamptz not null default '-infinity',  -- no event that was recorded up to then is promised
    presence_seq bigint not null default 0,
    grant_xid    bigint not null default 0,
    grant_id     bigint not null default 0
);
insert into webhook_log default values;

-- What was not taken at the first attempt.
create table webhook_deliveries (
    webhook_id uuid not null references webhooks on delete cascade,
    seq        bigint not null,
    state      text not null check (state in ('waiting', 'delivered', 'dead')),
    attempts   integer not null,
    first_at   timestamptz not null,
    last_at    timestamptz not null,
    due_at     timestamptz not null,  -- infinity: behind another event of its user
    status     smallint,
    error      text,
    primary key (webhook_id, seq)
);
-- What is to be tried again.
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where state = 'waiting';
