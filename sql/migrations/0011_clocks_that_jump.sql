-- A clock that goes back, or was ahead, holds nothing up and removes nothing.

-- When the last pushes were reserved: later than now, it was before the clock went back.
alter table push_budget add column reserved_at timestamptz not null default '-infinity';

-- It is given the time, so that evidence from the future is none.
drop function if exists last_evidence(timestamptz, timestamptz);
drop function if exists prune_presence_events(timestamptz, integer);

-- What the clock showed when it was last looked at, and since when it has not jumped.
create table clock_watch (
    only_row     boolean     primary key default true check (only_row),
    seen_at      timestamptz not null,
    steady_since timestamptz not null default '-infinity'
);
