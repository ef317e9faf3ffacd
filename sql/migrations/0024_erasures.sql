-- Erasures of what is stored of a user: how far each one has come, and who has asked for it.

create table erasures (
    erasure_id uuid primary key default gen_random_uuid(),
    -- Null once it is done: nothing that stays leads from the pseudonym to the user.
    user_id text check (length(user_id) between 1 and 128),
    -- Stands for the user in the rows that stay. Random, for a hash of the id could be found by trying ids.
    pseudonym text not null unique default 'erased-' || gen_random_uuid(),
    author text not null check (length(author) between 1 and 128),
    keep_mentions boolean not null,
    asked_at timestamptz not null,
    done_at timestamptz,
    -- How many steps of `user_tables` are done, and the key up to which the next one is.
    step integer not null default 0,
    after jsonb,
    -- How many rows of each table it has changed.
    counts jsonb not null default '{}',
    constraint done_without_the_id check ((done_at is null) = (user_id is not null))
);
-- One at a time for each user; and what the sweep goes on with.
create unique index erasures_under_way on erasures (user_id) where done_at is null;
create index erasures_newest on erasures (asked_at, erasure_id);
