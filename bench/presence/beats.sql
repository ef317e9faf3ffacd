-- The crowd in a table that hears of every user every 30 s.
create table beats (
    user_id   text        primary key,
    last_seen timestamptz not null
)
-- Room for each row's next version beside it: beats shall be HOT.
with (fillfactor = 50);
insert into beats (user_id, last_seen)
    select 'user-' || n, clock_timestamp()
      from generate_series(1, current_setting('bench.rows')::integer) as n;
