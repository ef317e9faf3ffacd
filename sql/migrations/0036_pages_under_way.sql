-- Pages of the sweep finish in any order, and late: each has a row from when it is handed out until it is finished.

-- Logged: a page that a crash made forgotten would count as finished.
create table sweep_pages (
    cycle_started_at timestamptz not null,
    page             integer     not null,
    -- Its sessions: those behind the first place, up to the second.
    after_user_id    text        not null,
    after_resource   text        not null,
    until_user_id    text        not null,
    until_resource   text        not null,
    listed_at        timestamptz not null,
    primary key (cycle_started_at, page)
);

-- Whether the last page of the cycle has been handed out. pages_asked is written by the release before only.
alter table sweep_cursor add column is_listed boolean not null default false;

-- The cycle under way begins again, for its pages have no rows; and none is handed out until `sweep` writes them.
drop function if exists sweep(integer, timestamptz);
delete from migrations where name = 'functions/maintenance/sweep.sql';
update sweep_cursor set user_id = '', resource = '', pages_listed = 0, pages_asked = 0, cycle_started_at = 'epoch';
