-- What several happenings share.
-- The small ones are `stable`, as what they call is: only then does the planner inline them.

-- Everything that changes one user's state runs under that user's lock, so two tabs, a reload that
-- crosses its own $disconnect, and a retry all take their turn. One statement cannot do this: its
-- snapshot is older than the lock it waits for, and a session that closes in between is not seen.
create or replace function lock_user(p_user_id text) returns void
language sql as $$ select pg_advisory_xact_lock(hashtextextended(p_user_id, 0)) $$;

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

create or replace function with_connection(
    p_nodes jsonb, p_node text, p_connection_id text, p_at timestamptz
) returns jsonb language sql stable as $$
    select p_nodes || jsonb_build_object(p_node, coalesce(p_nodes -> p_node, '{}')
        || jsonb_build_object(p_connection_id,
                              jsonb_build_object('at', extract(epoch from p_at)::numeric(14, 3))))
$$;

-- One row per connection of a session.
create or replace function connections(p_nodes jsonb)
returns table (node text, connection_id text, opened_at timestamptz)
language sql immutable rows 2 as $$
    select n.key, c.key, to_timestamp((c.value ->> 'at')::float8)
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
$$;

-- Every open connection of a user, on whatever resource, as [[node, connection id], …].
create or replace function connections_of(p_user_id text) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_array(c.node, c.connection_id)), '[]')
      from watching_times w, connections(w.nodes) c
     where w.user_id = p_user_id and w.terminate_at is null
$$;

-- A user's sessions, open and closed, each kind along its own index: neither index has both.
create or replace function sessions_of(p_user_id text) returns setof watching_times
language sql stable rows 20 as $$
    select * from watching_times where user_id = p_user_id and terminate_at is null
    union all
    select * from watching_times where user_id = p_user_id and terminate_at is not null
$$;

-- How long a user has watched a resource (null: all of them), open sessions up to p_now.
create or replace function watched(p_user_id text, p_resource text, p_now timestamptz)
returns interval language sql stable as $$
    select coalesce(sum(coalesce(terminate_at, greatest(p_now, join_at)) - join_at), interval '0')
      from sessions_of(p_user_id)
     where p_resource is null or resource = p_resource
$$;

-- Take one connection out of its session; the last one closes it at the last evidence.
-- p_seen_at: when the connection was last known to be open. p_gone_by: by when it was surely gone.
-- True if that closed the session. The caller holds the user's lock.
create or replace function leave(
    p_user_id text, p_node text, p_connection_id text, p_ended_by text,
    p_seen_at timestamptz, p_gone_by timestamptz
) returns boolean language plpgsql as $$
declare
    v_session watching_times;
    v_nodes   jsonb;
    v_seen_at timestamptz;
begin
    select * into v_session from watching_times
     where user_id = p_user_id and terminate_at is null and nodes -> p_node ? p_connection_id;
    if not found then
        return false;
    end if;
    v_nodes := without_connection(v_session.nodes, p_node, p_connection_id);
    v_seen_at := greatest(v_session.seen_at, p_seen_at);
    if v_nodes <> '{}' then
        update watching_times set nodes = v_nodes, seen_at = v_seen_at where id = v_session.id;
        return false;
    end if;
    update watching_times
       set nodes = '{}', seen_at = v_seen_at, terminate_at = v_seen_at, ended_by = p_ended_by,
           ended_within = greatest(p_gone_by - v_seen_at, interval '0')
     where id = v_session.id;
    return true;
end $$;

-- Append to a user's stream; the next seq, gap-free. The caller holds the user's lock.
create or replace function append_event(
    p_user_id text, p_type text, p_body jsonb, p_action_id text, p_now timestamptz
) returns user_events language plpgsql as $$
declare
    v_event user_events;
begin
    insert into user_streams as s (user_id, seq) values (p_user_id, 1)
        on conflict (user_id) do update set seq = s.seq + 1
        returning s.user_id, s.seq into v_event.user_id, v_event.seq;
    insert into user_events (user_id, seq, type, body, at, action_id)
        values (p_user_id, v_event.seq, p_type, p_body, p_now, p_action_id)
        returning * into v_event;
    return v_event;
end $$;

-- An event as the clients read it.
create or replace function event_json(p_event user_events) returns jsonb
language sql stable as $$
    select jsonb_build_object('seq', p_event.seq, 'type', p_event.type, 'body', p_event.body,
                              'at', ms(p_event.at), 'id', p_event.action_id)
$$;

-- A bonus as the clients read it; p_outcome is what this user did about it, if anything.
create or replace function bonus_json(p_bonus bonuses, p_outcome text) returns jsonb
language sql stable as $$
    select jsonb_build_object('bonus_id', p_bonus.bonus_id, 'reward', p_bonus.reward,
                              'opens_at', ms(p_bonus.opens_at), 'expires_at', ms(p_bonus.closes_at),
                              'outcome', p_outcome)
$$;
