-- Questions: one text with options, answered once per user while its window is open.
create table questions (
    question_id  uuid primary key,
    text         text not null check (text <> '' and length(text) <= 300),
    options      text[] not null check (cardinality(options) between 2 and 10),
    correct      smallint check (correct >= 0 and correct < cardinality(options)),  -- options count from 0
    audience     text not null check (audience in ('everyone', 'resource')),
    resource     text check (length(resource) between 1 and 128),
    opens_at     timestamptz not null,
    expires_at    timestamptz not null,
    reward       jsonb check (octet_length(reward::text) <= 4096),  -- of the bonus for those who were right
    claim_within interval,
    bonus_id     uuid,
    result_id    uuid not null,      -- of the broadcast that tells the tally
    fingerprint  text,
    created_at   timestamptz not null,
    cancelled_at timestamptz,
    closed_at    timestamptz,        -- the tally is final
    tally        integer[],          -- answers by option
    constraint a_resource_has_a_name check ((audience = 'resource') = (resource is not null)),
    constraint a_window_is_open_for_some_time check (expires_at > opens_at),
    constraint who_was_right_is_known check (reward is null or correct is not null),
    constraint a_reward_is_a_bonus check (num_nulls(reward, claim_within, bonus_id) in (0, 3)),
    constraint closed_with_a_tally check ((closed_at is null) = (tally is null))
);
-- The list of all questions, the newest first, and those whose end is long ago.
create index questions_created_at on questions (created_at desc, question_id desc);
create index questions_expires_at on questions (expires_at);

create table answers (
    question_id uuid not null,
    user_id     text not null check (length(user_id) between 1 and 128),
    option      smallint not null check (option >= 0),
    answered_at timestamptz not null,
    primary key (question_id, user_id)
);

-- Broadcasts that are made when they are due, by the first worker that asks for them. Few rows, each for some minutes.
create table scheduled_broadcasts (
    broadcast_id uuid primary key,
    step         text not null,      -- see make_scheduled
    subject_id   uuid not null,      -- the question
    due_at       timestamptz not null,
    queued_at    timestamptz         -- a worker is woken when it is due
);

-- Its result gets a column for answers.
select set_aside('prune(interval, interval, interval, integer, timestamptz)');
