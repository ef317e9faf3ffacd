-- Roll-ups: what all users watched in each quarter hour, so that reports over weeks and months read sums instead of
-- sessions. A quarter hour, because since 1972 all time zones are whole quarters off UTC: their hours and days are
-- sums of quarters. No user's id is in them, and they outlive the sessions.

create table rollups (
    -- Which clock: connected, or visible.
    is_visible   boolean     not null,
    -- '': all resources, each minute of a person once.
    resource     text        not null,
    starts_at    timestamptz not null,
    watched      interval    not null,
    uncertain    interval    not null,
    -- A session, or a part of one, is counted where it begins; and went_on counts those that began before and go on.
    -- So the sessions of an interval are those that went on at its start and those that began within it. A part whose
    -- session was away at that start comes back: came_back[n] counts those that were away at the n-th start of a
    -- quarter before it came back, counted backwards from this one. Null: none.
    went_on      integer     not null,
    began        integer     not null,
    came_back    integer[],
    -- A user on two resources is two viewers. At the start; and the most of them, with the first such moment.
    viewers      integer     not null,
    peak_viewers integer     not null,
    peak_at      timestamptz not null,
    -- The reports of all and of one resource.
    primary key (resource, is_visible, starts_at)
);
-- roll_up_quarters, and the reports that tell resources apart.
create index rollups_quarters on rollups (starts_at);

create table rollup_state (
    only_row     boolean     primary key default true check (only_row),
    -- Of the time before this, the quarters that have no row had no session.
    rolled_up_to timestamptz not null default '-infinity',
    -- Before this sessions are gone with their month: these quarters can never be rolled up again.
    kept_since   timestamptz not null default '-infinity'
);
insert into rollup_state default values;

-- Quarters to be rolled up again, for their sessions have changed. Until then reports read these sessions.
create table rollups_due (starts_at timestamptz primary key);

-- away_across: parts of sessions by when the outage before them began.
create index past_sessions_away on past_sessions (away_since) where away_since is not null;
