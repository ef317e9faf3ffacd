-- The crowd in the ancestor's table: a counter per node, the history beside it.
create table counter_times (
    id           bigint      generated always as identity primary key,
    user_id      text        not null,
    joined_at      timestamptz not null,
    ended_at timestamptz,
    nodes        jsonb       not null
)
-- As ours: room in each page.
with (fillfactor = 80);
create unique index counter_times_history on counter_times (user_id, ended_at)
    where ended_at is not null;
create unique index counter_times_open on counter_times (user_id) where ended_at is null;

insert into counter_times (user_id, joined_at, ended_at, nodes)
    select user_id, joined_at, ended_at, '{}' from crowd_before;
insert into counter_times (user_id, joined_at, nodes)
    select user_id, joined_at, jsonb_build_object(current_setting('bench.node'), 1) from crowd;
