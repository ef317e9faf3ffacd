-- What several happenings share.
-- The small ones are `stable`, as what they call is: only then does the planner inline them.
-- `enable_seqscan` is off where clients speak: a session plans a statement once, perhaps at night, when
-- a table is empty and reading all of it is cheapest; then thousands come within a second, and until the
-- next analyze each of them would read all that the others wrote. By set_config, until the end of the
-- transaction: as a clause of the function it costs a third of a claim.

-- Everything that changes one user's state runs under that user's lock, so two tabs, a reload that
-- crosses its own $disconnect, and a retry all take their turn. One statement cannot do this: its
-- snapshot is older than the lock it waits for, and a session that closes in between is not seen.
-- Returns the time: after the lock, so that whoever waited writes no time before what it waited for.
create or replace function lock_user(p_user_id text, p_now timestamptz) returns timestamptz
language sql volatile as $$
    select case when pg_advisory_xact_lock(hashtextextended(p_user_id, 0)) is not null
                then coalesce(p_now, clock_timestamp()) end
$$;

-- Milliseconds since the epoch, as the clients count.
create or replace function ms(p_at timestamptz) returns bigint
language sql stable as $$ select (extract(epoch from p_at) * 1000)::bigint $$;

create or replace function milliseconds(p_length interval) returns bigint
language sql immutable as $$ select (extract(epoch from p_length) * 1000)::bigint $$;

create or replace function without_connection(p_nodes jsonb, p_node text, p_connection_id text)
returns jsonb language sql stable as $$
    select case when (p_nodes -> p_node) - p_connection_id = '{}' then p_nodes - p_node
                else jsonb_set(p_nodes, array[p_node], (p_nodes -> p_node) - p_connection_id) end
$$;

-- p_connection: what we know of it. {"at": when it opened, epoch seconds, "ticket": what opened it,
-- "until": when that expires, "device": what it calls the device, if anything, "seen": the connection's
-- last evidence, while the sweep asks for it in vain}
create or replace function with_connection(
    p_nodes jsonb, p_node text, p_connection_id text, p_connection jsonb
) returns jsonb language sql stable as $$
    select p_nodes || jsonb_build_object(p_node, coalesce(p_nodes -> p_node, '{}')
        || jsonb_build_object(p_connection_id, p_connection))
$$;

-- One row per connection of a session.
create or replace function connections(p_nodes jsonb)
returns table (
    node text, connection_id text, opened_at timestamptz, device text, seen_at timestamptz,
    ticket_id text
) language sql immutable rows 2 as $$
    select n.key, c.key, to_timestamp((c.value ->> 'at')::float8), c.value ->> 'device',
           to_timestamp((c.value ->> 'seen')::float8), c.value ->> 'ticket'
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
$$;

-- The last moment that a connection is known to have been open: when it opened, or when the last whole
-- cycle of the sweep, which found it alive, began; p_seen_at instead of that while it is in doubt. Two
-- hours after it opened at the latest, for then API Gateway ends it.
create or replace function last_evidence(p_opened_at timestamptz, p_seen_at timestamptz)
returns timestamptz language sql stable as $$
    select least(p_opened_at + interval '2 hours',
                 -- Only who was a minute old by then was asked.
                 case when p_seen_at is not null then p_seen_at
                      when p_opened_at < probed_since - interval '1 minute' then probed_since
                      else p_opened_at end)
      from sweep_cursor
$$;

-- How many connections a session has.
create or replace function size(p_nodes jsonb) returns integer
language sql immutable as $$ select jsonb_array_length(jsonb_path_query_array(p_nodes, '$.*.*')) $$;

-- How many connections a user has, on whatever resource.
create or replace function count_connections(p_user_id text) returns bigint
language sql stable as $$
    select coalesce(sum(size(nodes)), 0)
      from watching_times where user_id = p_user_id
$$;

-- Every open connection of a user, on whatever resource, as [[node, connection id], …].
create or replace function connections_of(p_user_id text) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_array(c.node, c.connection_id)), '[]')
      from watching_times w, connections(w.nodes) c
     where w.user_id = p_user_id and w.ended_at is null
$$;

-- A user's sessions: open, within their grace, and past.
create or replace function sessions_of(p_user_id text) returns setof sessions
language sql stable rows 20 as $$ select * from sessions where user_id = p_user_id $$;

-- How long a user has watched a resource (null: all of them), open sessions up to p_now.
create or replace function watched(p_user_id text, p_resource text, p_now timestamptz)
returns interval language sql stable as $$
    select coalesce(sum(coalesce(ended_at, greatest(p_now, joined_at)) - joined_at), interval '0')
      from sessions_of(p_user_id)
     where p_resource is null or resource = p_resource
$$;

-- Whether nobody comes back to a session that ended so: they were sent away, or left for another
-- resource.
create or replace function is_for_good(p_ended_by ending) returns boolean
language sql immutable as $$ select p_ended_by in ('kicked', 'moved') $$;

-- Whether a ticket may still open a connection. The gateway holds a handshake for at most 29 s per
-- step; one minute covers both.
create or replace function may_open(p_expires_at timestamptz, p_now timestamptz) returns boolean
language sql stable as $$ select p_now <= p_expires_at + interval '1 minute' $$;

-- A ticket can open nothing any more, for as long as it still might.
create or replace function use_up(p_ticket_id text, p_expires_at timestamptz, p_now timestamptz)
returns void language sql as $$
    insert into used_tickets (ticket_id, expires_at)
        select p_ticket_id, p_expires_at where may_open(p_expires_at, p_now)
        on conflict (ticket_id) do nothing
$$;

-- Put a connection into the user's session on a resource. Returns
--   opened     a new session
--   continued  the one that closed within the grace goes on as if it never had
--   joined     the one that others of the user's connections hold open
--   too_many   the user would have more than p_most connections; nothing is changed
-- The caller holds the user's lock. p_connection: see with_connection.
create or replace function enter(
    p_user_id text, p_resource text, p_node text, p_connection_id text, p_connection jsonb,
    p_grace interval, p_most integer, p_now timestamptz
) returns text language plpgsql as $$
declare
    v_id bigint;
    v_is_new boolean;
    v_is_alone boolean;
begin
    insert into watching_times as w (user_id, resource, joined_at, seen_at, nodes)
        select p_user_id, p_resource, p_now, p_now,
               jsonb_build_object(p_node, jsonb_build_object(p_connection_id, p_connection))
         where count_connections(p_user_id) < p_most
        on conflict (user_id, resource) do update
           set nodes = with_connection(w.nodes, p_node, p_connection_id, p_connection),
               seen_at = greatest(w.seen_at, p_now),
               ended_at = null, ended_by = null, ended_within = null
         where w.ended_at is null
            or (w.ended_at > p_now - p_grace and not is_for_good(w.ended_by))
        returning id, xmax = 0, size(nodes) = 1 into v_id, v_is_new, v_is_alone;
    if v_is_new then
        insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
            values (p_now, 'online', v_id, p_user_id, p_resource, p_now);
        return 'opened';
    end if;
    if v_id is not null then
        return case when v_is_alone then 'continued' else 'joined' end;
    end if;
    if count_connections(p_user_id) >= p_most then
        return 'too_many';
    end if;
    -- A session that is over stands in the way: nobody has settled it yet.
    perform finalize_session(p_user_id, p_resource, p_now);
    return enter(p_user_id, p_resource, p_node, p_connection_id, p_connection, p_grace, p_most, p_now);
end $$;

-- Take one connection out of its session; the last one closes it at the last evidence.
-- p_seen_at: when the connection was last known to be open. p_gone_by: by when it was surely gone.
-- True if that closed the session. The caller holds the user's lock.
create or replace function leave(
    p_user_id text, p_node text, p_connection_id text, p_ended_by ending,
    p_seen_at timestamptz, p_gone_by timestamptz, p_grace interval, p_now timestamptz
) returns boolean language plpgsql as $$
declare
    v_session    watching_times;
    v_connection jsonb;
    v_nodes      jsonb;
    v_seen_at    timestamptz;
    v_within     interval;
begin
    select * into v_session from watching_times
     where user_id = p_user_id and nodes -> p_node ? p_connection_id;
    if not found then
        return false;
    end if;
    v_connection := v_session.nodes -> p_node -> p_connection_id;
    if p_ended_by <> 'moved' then
        perform use_up(v_connection ->> 'ticket', to_timestamp((v_connection ->> 'until')::float8), p_now);
    end if;
    v_nodes := without_connection(v_session.nodes, p_node, p_connection_id);
    v_seen_at := greatest(v_session.seen_at, p_seen_at);
    -- Who left before may have been here longer than who leaves now. So an open session says it too,
    -- until somebody shows that it goes on.
    v_within := greatest(p_gone_by - v_seen_at, v_session.seen_at + v_session.ended_within - v_seen_at,
                         interval '0');
    if v_nodes <> '{}' then
        update watching_times set nodes = v_nodes, seen_at = v_seen_at, ended_within = v_within
         where user_id = p_user_id and resource = v_session.resource;
        return false;
    end if;
    update watching_times
       set nodes = '{}', seen_at = v_seen_at, ended_at = v_seen_at, ended_by = p_ended_by,
           ended_within = v_within
     where user_id = p_user_id and resource = v_session.resource;
    insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
        values (case when is_for_good(p_ended_by) then p_now
                     else greatest(p_now, v_seen_at + p_grace) end,
                'offline', v_session.id, p_user_id, v_session.resource, v_seen_at);
    return true;
end $$;

-- A session that is over makes room for the next one on its resource. Its "offline" is due at once,
-- so that it comes before the next "online"; what was due later finds no session and says nothing.
-- The caller holds the user's lock.
create or replace function finalize_session(p_user_id text, p_resource text, p_now timestamptz)
returns void language sql as $$
    with over as (
        delete from watching_times
         where user_id = p_user_id and resource = p_resource and ended_at is not null
        returning *
    ),
    told as (
        insert into presence_outbox (due_at, type, session_id, user_id, resource, at, is_finalized)
            select p_now, 'offline', id, user_id, resource, ended_at, true from over
    )
    insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
        select id, user_id, resource, joined_at, ended_at, ended_by, ended_within from over
$$;

-- What a JSON merge patch makes of a value: RFC 7396, section 2.
create or replace function merge_patch(p_target jsonb, p_patch jsonb) returns jsonb
language plpgsql immutable as $$
begin
    if jsonb_typeof(p_patch) <> 'object' then
        return p_patch;
    end if;
    if jsonb_typeof(p_target) is distinct from 'object' then
        p_target := '{}';
    end if;
    return (select coalesce(jsonb_object_agg(key, value), '{}') from (
        select key, value from jsonb_each(p_target) where not p_patch ? key
        union all
        select key, merge_patch(p_target -> key, value) from jsonb_each(p_patch)
         where value <> 'null') as merged);
end $$;

-- Append to a user's stream; the next seq, gap-free: it is taken from a row that is locked from then
-- until the commit. p_patch (null: none) is what changed the user's state, p_state what it made of it;
-- whoever changes the state holds the user's lock.
create or replace function append_event(
    p_user_id text, p_type text, p_body jsonb, p_patch jsonb, p_state jsonb, p_action_id text,
    p_now timestamptz
) returns user_events language plpgsql as $$
declare
    v_event user_events;
begin
    insert into user_streams as s (user_id, seq, state)
        values (p_user_id, 1, coalesce(p_state, '{}'))
        on conflict (user_id) do update set seq = s.seq + 1, state = coalesce(p_state, s.state)
        returning s.user_id, s.seq into v_event.user_id, v_event.seq;
    insert into user_events (user_id, seq, type, body, patch, at, action_id)
        values (p_user_id, v_event.seq, p_type, p_body, p_patch, p_now, p_action_id)
        returning * into v_event;
    return v_event;
end $$;

-- An event as the clients read it.
create or replace function event_json(p_event user_events) returns jsonb
language sql stable as $$
    select jsonb_build_object('seq', p_event.seq, 'type', p_event.type, 'body', p_event.body,
                              'at', ms(p_event.at), 'id', p_event.action_id)
        || case when p_event.patch is null then '{}'
                else jsonb_build_object('patch', p_event.patch) end
$$;

-- A bonus as the clients read it; p_outcome is what this user did about it, if anything.
create or replace function bonus_json(p_bonus bonuses, p_outcome text) returns jsonb
language sql stable as $$
    select jsonb_build_object('bonus_id', p_bonus.bonus_id, 'reward', p_bonus.reward,
                              'opens_at', ms(p_bonus.opens_at), 'expires_at', ms(p_bonus.expires_at),
                              'outcome', p_outcome, 'acknowledge', p_bonus.acknowledge)
$$;

-- News as the clients read it.
create or replace function news_json(p_broadcast broadcasts) returns jsonb
language sql stable as $$
    select p_broadcast.news || jsonb_build_object('seq', p_broadcast.seq, 'at', ms(p_broadcast.at),
                                                  'expires_at', ms(p_broadcast.expires_at))
$$;

-- Count one message of a user against their limit, a message each p_gap with p_burst at once. Returns 0
-- if it is within, else in how many milliseconds the next one will be; less than 0, the same for a user
-- who goes on regardless, two bursts ahead. What is refused counts too, so that waiting is what helps, and
-- nobody gets further ahead than that. A p_gap of 0 is no limit.
create or replace function spend(
    p_user_id text, p_gap interval, p_burst integer, p_now timestamptz
) returns integer language plpgsql as $$
declare
    v_ahead interval;
    v_wait_ms integer;
begin
    if p_gap = '0' then
        return 0;
    end if;
    insert into user_limits as l (user_id, free_at) values (p_user_id, p_now + p_gap)
        on conflict (user_id) do update
           set free_at = least(greatest(l.free_at, p_now) + p_gap, p_now + p_gap * (2 * p_burst + 1))
        returning free_at - p_now into v_ahead;
    if v_ahead <= p_gap * p_burst then
        return 0;
    end if;
    v_wait_ms := ceil(extract(epoch from v_ahead - p_gap * (p_burst - 1)) * 1000);
    return case when v_ahead <= p_gap * (2 * p_burst) then v_wait_ms else -v_wait_ms end;
end $$;

-- What `spend` refuses, in words.
create or replace function outcome_of(p_wait_ms integer) returns text
language sql immutable as $$ select case when p_wait_ms < 0 then 'disconnect' else 'slow_down' end $$;
