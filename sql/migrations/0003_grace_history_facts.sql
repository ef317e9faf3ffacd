-- A session is a row of watching_times while somebody is here and until the grace is over; then it
-- is settled: it moves to past_sessions, and "offline" becomes a fact.
--
-- So $connect is one upsert, whether it opens, joins or continues a session; and closing one is a
-- write within the page (HOT), for no index has terminate_at in it. What belongs to the history, its
-- indexes and its checks, costs nothing until it is written, many rows at a time.

create type ending as enum ('client', 'idle', 'expired', 'swept', 'node_lost', 'kicked', 'moved');
create type presence_fact as enum ('online', 'offline');

-- Sessions that are over, by month of their end: a month is dropped in one go. `keep_months` makes
-- and drops the months; what has none yet waits in the default.
create table past_sessions (
    id           bigint      not null,
    user_id      text        not null,
    resource     text        not null,
    join_at      timestamptz not null,
    terminate_at timestamptz not null,
    ended_by     ending      not null,
    -- The true end lies between terminate_at and terminate_at + ended_within.
    ended_within interval    not null,
    constraint ends_after_it_begins check (terminate_at >= join_at),
    -- reports over an interval: in the order of their ends.
    primary key (terminate_at, id)
) partition by range (terminate_at);
create table past_sessions_default partition of past_sessions default;
-- sessions, watch_time, watched: one user's history.
create index past_sessions_user on past_sessions (user_id, terminate_at, id);
-- reports over an interval, of one resource.
create index past_sessions_resource on past_sessions (resource, terminate_at, id);

-- What will be a fact, unless the user is back before it is due.
create table pending_facts (
    due_at     timestamptz   not null,
    fact       presence_fact not null,
    session_id bigint        not null,
    user_id    text          not null,
    resource   text          not null,
    at         timestamptz   not null,
    -- Its session has moved to past_sessions already, to make room for the next one.
    is_settled boolean       not null default false
);
-- settle: what is due.
create index pending_facts_due on pending_facts (due_at);

-- "Online" and "offline", per user and resource, each exactly once, in turn. Numbered in the order of
-- commits, so whoever reads behind a number misses none.
create table presence_facts (
    seq        bigint        primary key,
    fact       presence_fact not null,
    session_id bigint        not null,
    user_id    text          not null,
    resource   text          not null,
    at         timestamptz   not null,
    settled_at timestamptz   not null
);
-- Where the numbering stands; exactly one row. Locked while facts are numbered.
create table fact_log (
    only_row   boolean primary key default true check (only_row),
    last_seq   bigint  not null default 0,
    -- Facts up to this one have been pruned.
    pruned_seq bigint  not null default 0
);
insert into fact_log default values;

-- Nodes that the sweep cannot reach at all. One that answers again is not in here any more.
create table unreachable_nodes (
    node  text        primary key,
    since timestamptz not null
);

insert into past_sessions (id, user_id, resource, join_at, terminate_at, ended_by, ended_within)
    select id, user_id, resource, join_at, terminate_at, ended_by::ending, ended_within
      from watching_times where terminate_at is not null;
delete from watching_times where terminate_at is not null;
insert into pending_facts (due_at, fact, session_id, user_id, resource, at)
    select join_at, 'online', id, user_id, resource, join_at from watching_times;

-- PostgreSQL reads each check anew for each statement: 3 µs, as much as a write to an index, and they
-- were a fifth of $connect. The form of names is their type's business now; what an end must say is
-- checked in past_sessions; that a session is open while it has connections, and only then, is held by
-- tests/sql/test_presence_model.py after every event.
drop view watching_counts;
drop function if exists sessions_of(text);
drop function if exists leave(text, text, text, text, timestamptz, timestamptz);
drop function if exists lock_user(text);
drop function if exists connections(jsonb);
drop function if exists with_connection(jsonb, text, text, timestamptz);
drop index watching_times_open, watching_times_closed, watching_times_online;
alter table watching_times
    drop constraint watching_times_pkey,
    drop constraint watching_times_user_id_check,
    drop constraint watching_times_resource_check,
    drop constraint watching_times_ended_by_check,
    drop constraint open_while_connected,
    drop constraint an_end_says_how,
    drop constraint an_end_says_how_exact,
    drop constraint ends_after_it_begins,
    alter column user_id type varchar(128),
    alter column resource type varchar(128),
    alter column ended_by type ending using ended_by::ending,
    -- connect, disconnect, hello, act: the user's sessions, at most one per resource.
    add primary key (user_id, resource);
-- online and push: everyone who watches a resource.
create index watching_times_resource on watching_times (resource, user_id);

-- A ticket stands with its connection while that is open, so $connect writes nothing here: only who
-- goes while their ticket might still open something does.
alter table used_tickets drop column connection_id, drop column gone;

-- The ancestor's shape: how many connections each node holds.
create view watching_counts as
select id, user_id, join_at, terminate_at, resource,
       (select coalesce(jsonb_object_agg(node, (select count(*) from jsonb_object_keys(connections))), '{}')
          from jsonb_each(nodes) as each(node, connections)) as nodes
  from watching_times;

-- Every session: open, within its grace, and past.
-- The casts make both halves of one type, without which no condition reaches their indexes.
create view sessions as
select id, user_id::text, resource::text, join_at, terminate_at, ended_by,
       case when terminate_at is not null then ended_within end as ended_within
  from watching_times
union all
select id, user_id, resource, join_at, terminate_at, ended_by, ended_within from past_sessions;

-- These have more parameters now, with a default each; the code before calls them as it did.
drop function if exists connect(text, text, text, text, text, timestamptz, interval, timestamptz);
drop function if exists disconnect(text, text, text, text, text, timestamptz, timestamptz);
drop function if exists forget(text[], text[], text[], text[], timestamptz);
