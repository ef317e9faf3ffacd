-- What clients go by to keep their line, and to come back when it is lost.

create table line_limits (
    only_row          boolean     primary key default true check (only_row),
    -- What a welcome says: how often to ping, by which age to replace the connection, and within which time
    -- to come back.
    ping_every        interval    not null default '4 minutes',
    rotate_within     interval    not null default '115 minutes',
    reconnect_within  interval    not null default '2 seconds',
    -- When connections were counted last, and how many there were.
    counted_at        timestamptz not null default '-infinity',
    connections       bigint      not null default 0,
    -- How many may be lost together before the next count.
    expected          bigint      not null default 0,
    -- The longest reconnect_within of these two hours, and of the two before. A client hears of a new one when
    -- it replaces its connection, so none goes by a longer one.
    period            timestamptz not null default '-infinity',
    longest           interval    not null default '0',
    longest_before    interval    not null default '0',
    -- For how long a session waits for a line that was lost.
    wait_for_lost     interval    not null default '0'
);
insert into line_limits default values;

-- Its row has more columns.
drop function if exists hello(text, text, text, bigint, text, bigint, interval, integer, interval, timestamptz);
