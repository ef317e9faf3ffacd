-- Who is here, and for how long.

-- A session: a user's unbroken presence on a resource, over any number of connections.
-- An open row is somebody online; a closed row is watch time.
create table watching_times (
    id            bigint generated always as identity primary key,
    user_id       text        not null check (length(user_id) between 1 and 128),
    resource      text        not null check (length(resource) between 1 and 128),
    join_at       timestamptz not null,
    -- The last moment for which there is evidence that the user was here.
    terminate_at  timestamptz,
    -- node -> connection id -> {"at": epoch seconds}. A set: the same event twice changes nothing.
    nodes         jsonb       not null,
    -- The last write that showed the user here; it rides on writes that happen anyway.
    seen_at       timestamptz not null,
    ended_by      text check (ended_by in ('client', 'idle', 'expired', 'swept', 'node_lost', 'kicked')),
    -- The true end lies between terminate_at and terminate_at + ended_within.
    ended_within  interval,
    constraint open_while_connected  check ((terminate_at is null) = (nodes <> '{}')),
    constraint an_end_says_how       check ((terminate_at is null) = (ended_by is null)),
    constraint an_end_says_how_exact check ((terminate_at is null) = (ended_within is null)),
    constraint ends_after_it_begins  check (terminate_at >= join_at)
)
-- Room in each page keeps the writes of a second tab HOT.
with (fillfactor = 80);

-- connect, disconnect, hello, act: the user's open session, at most one per resource.
create unique index watching_times_open on watching_times (user_id, resource)
    where terminate_at is null;
-- connect looks for a session that has just closed; sessions lists the history.
create unique index watching_times_closed on watching_times (user_id, resource, terminate_at)
    where terminate_at is not null;
-- online and push: everyone who watches a resource.
create index watching_times_online on watching_times (resource, user_id)
    where terminate_at is null;

-- The ancestor's shape: how many connections each node holds.
create view watching_counts as
select id, user_id, join_at, terminate_at, resource,
       (select coalesce(jsonb_object_agg(node, (select count(*) from jsonb_object_keys(connections))), '{}')
          from jsonb_each(nodes) as each(node, connections)) as nodes
  from watching_times;

-- A ticket opens one connection. The row outlives the ticket by a minute and is swept then.
-- Unlogged: a crash of the database forgets at most the tickets of the last seconds.
create unlogged table used_tickets (
    ticket_id     text primary key,
    connection_id text        not null,
    expires_at    timestamptz not null,
    -- The connection has ended: a $connect that comes late, or again, must not bring it back.
    gone          boolean     not null default false
);

-- prune: the tickets that can open nothing any more.
create index used_tickets_expires_at on used_tickets using brin (expires_at);

-- Where the rolling sweep stands; exactly one row.
create table sweep_cursor (
    only_row         boolean     primary key default true check (only_row),
    -- The last session looked at; '' before the first.
    user_id          text        not null default '',
    resource         text        not null default '',
    cycle_started_at timestamptz not null default 'epoch',
    -- Pages handed out in this cycle, and those of which every connection has been asked for.
    pages_listed     integer     not null default 0,
    pages_asked      integer     not null default 0,
    -- When the last cycle began in which all of them were: every connection that had been open for a
    -- minute by then, and still is in a session, was found alive after it.
    probed_since     timestamptz not null default 'epoch'
);
insert into sweep_cursor default values;
