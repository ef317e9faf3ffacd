-- Take one connection out of its session; the last one closes it at the last evidence.
-- p_seen_at: when the connection was last known to be open. p_gone_by: when it was gone for certain.
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
    -- Not after p_now: the clock may have gone back since a moment was stored.
    v_seen_at := greatest(v_session.joined_at, least(greatest(v_session.seen_at, p_seen_at), p_now));
    -- A connection that left earlier may have been open longer than this one. So an open session keeps
    -- the error bound, until a connection shows that it goes on.
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
                     else least(greatest(p_now, v_seen_at + p_grace), p_now + p_grace) end,
                'offline', v_session.id, p_user_id, v_session.resource, v_seen_at);
    return true;
end $$;
