-- Draws: who the candidates were, and how the winners came about.
-- The winners are offered the bonus of the same id.
create table draws (
    bonus_id       uuid primary key,
    resource       text check (length(resource) between 1 and 128),
    among_bonus_id uuid,             -- null: among those who were present
    within         interval check (within > '0'),
    winners        integer not null check (winners > 0),
    candidates     integer not null check (candidates > 0),
    seed           bytea not null check (length(seed) = 32),
    digest         bytea not null check (length(digest) = 32),
    last_rank      bytea not null,   -- of the last winner
    drawn_at       timestamptz not null,
    constraint present_or_claims check (among_bonus_id is null or resource is null),
    constraint within_a_window check (within is null or among_bonus_id is not null)
);

create table draw_candidates (
    bonus_id uuid not null,
    rank     bytea not null,
    user_id  text not null,
    primary key (bonus_id, rank)
);
create index draw_candidates_user on draw_candidates (user_id);

-- Its result gets a column for candidates.
select set_aside('prune(interval, interval, interval, integer, timestamptz)');
