-- What a user does, in order, and the bonuses that come and go.

-- One epoch for all streams: change it when the log is replaced (a restored backup), and every
-- client starts from a snapshot again.
create table stream_epoch (
    only_row boolean primary key default true check (only_row),
    epoch    uuid    not null default gen_random_uuid()
);
insert into stream_epoch default values;

-- The last sequence number of each user's stream. Rows are never removed: seq never goes back.
create table user_streams (
    user_id text   primary key check (length(user_id) between 1 and 128),
    seq     bigint not null check (seq > 0)
) with (fillfactor = 80);

create table user_events (
    user_id   text        not null,
    -- Gap-free per user.
    seq       bigint      not null,
    type      text        not null,
    body      jsonb       not null,
    at        timestamptz not null,
    -- Made by the client: the same action again is the same event.
    action_id text        not null,
    primary key (user_id, seq)
);
-- act and claim: has this action been taken already?
create unique index user_events_action on user_events (user_id, action_id);
-- prune: the oldest events. Events arrive in the order of time, so a BRIN index is enough.
create index user_events_at on user_events using brin (at) with (pages_per_range = 32);

-- "Every `every` of watching in one session: a bonus to be claimed within `claim_within`."
create table award_rules (
    rule_id      uuid        primary key default gen_random_uuid(),
    reward       jsonb       not null check (octet_length(reward::text) <= 4096),
    every        interval    not null check (every >= interval '1 second'),
    claim_within interval    not null check (claim_within >= interval '1 second'),
    -- null: on any resource.
    resource     text check (length(resource) between 1 and 128),
    created_at   timestamptz not null
);

create table bonuses (
    bonus_id    uuid        primary key default gen_random_uuid(),
    -- Measured as it is sent: 1e308 is five characters in an order and 309 here.
    reward      jsonb       not null check (octet_length(reward::text) <= 4096),
    audience    text        not null check (audience in ('everyone', 'resource', 'users')),
    resource    text check (length(resource) between 1 and 128),
    opens_at    timestamptz not null,
    closes_at   timestamptz not null,
    -- null: as many as are claimed.
    stock       integer check (stock > 0),
    min_watched interval check (min_watched > interval '0'),
    rule_id     uuid references award_rules,
    created_at  timestamptz not null,
    cancelled_at timestamptz,
    -- null: its broadcast is not in the queue yet; the schedule of awards sees to it.
    queued_at   timestamptz,
    constraint opens_before_it_closes check (opens_at < closes_at),
    constraint a_resource_has_a_name check ((audience = 'resource') = (resource is not null))
);
-- hello: the bonuses whose window is open.
create index bonuses_closes_at on bonuses (closes_at);
-- unqueued: the bonuses that nobody has been told of.
create index bonuses_unqueued on bonuses (created_at) where queued_at is null;

-- A bonus made to one user (audience 'users').
create table offers (
    bonus_id uuid not null references bonuses,
    user_id  text not null check (length(user_id) between 1 and 128),
    primary key (user_id, bonus_id)
);
-- push: the users of one bonus.
create index offers_bonus on offers (bonus_id, user_id);

-- What is left of the stock, in up to 32 slots, so that claims do not queue on one hot row.
create table bonus_stock (
    bonus_id  uuid     not null references bonuses,
    slot      smallint not null,
    remaining integer  not null check (remaining > 0),
    primary key (bonus_id, slot)
) with (fillfactor = 50);

-- No reference to bonuses here and in the ledger: each claim would lock the bonus' row, and all of
-- them meet there. The claim has just read it.
create table claims (
    bonus_id   uuid        not null,
    user_id    text        not null,
    -- Made by the client: the same claim again gets the same answer.
    claim_id   text        not null,
    claimed_at timestamptz not null,
    primary key (bonus_id, user_id)
);

-- What happened to each bonus, append-only.
create table ledger (
    id       bigint generated always as identity primary key,
    bonus_id uuid        not null,
    user_id  text,
    entry    text        not null check (entry in ('created', 'claimed', 'cancelled')),
    at       timestamptz not null
);

-- Which sessions have had their nth award of a rule: the schedule may run twice and at once.
create table awards (
    rule_id    uuid   not null references award_rules,
    session_id bigint not null,
    nth        bigint not null,
    bonus_id   uuid   not null references bonuses,
    primary key (rule_id, session_id, nth)
);
