-- Open a connection. Returns
--   opened, continued, joined   see `enter`
--   repeated  this event came before; nothing changed
--   refused   the ticket has opened another connection, has expired, or its connection is gone
--   too_many  the user has p_max_connections connections; the ticket is spent
--   kept_out  the user kept sending beyond the limit (see `spend`); the ticket is spent
-- The ticket makes this idempotent, for events that come twice, late, or after their own $disconnect: it
-- is stored with its connection while that is open, and in used_tickets once it can open nothing more.
create or replace function connect(
    p_user_id text, p_resource text, p_node text, p_connection_id text,
    p_ticket_id text, p_ticket_expires_at timestamptz, p_grace interval,
    p_max_connections integer default 50, p_device text default null, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_connection jsonb;
    v_opened text;
    v_outcome text;
begin
    -- All that the first statements need of `prefer_indexes`, for they join nothing: a session takes a hundredth
    -- less of the processor.
    v_now := case when set_config('enable_seqscan', 'off', true) is not null
                  then wait_for_user(p_user_id, p_now) end;
    if not may_open(p_ticket_expires_at, v_now) then
        return 'refused';
    end if;
    v_connection := jsonb_build_object(
        'at', extract(epoch from v_now)::numeric(14, 3),
        'ticket', p_ticket_id, 'until', ceil(extract(epoch from p_ticket_expires_at))::bigint);
    if p_device is not null then
        v_connection := v_connection || jsonb_build_object('device', p_device);
    end if;

    -- Most users who connect have no session yet. The code below would open one as well; this takes
    -- half the time, in one statement. While a webhook wants to be told of connections, it is left to that code.
    with opened as (
        insert into watching_times (user_id, resource, joined_at, seen_at, nodes, was_alone)
            select p_user_id, p_resource, v_now, v_now,
                   jsonb_build_object(p_node, jsonb_build_object(p_connection_id, v_connection)), true
             where p_max_connections > 0 and not exists (select from watching_times where user_id = p_user_id)
               and not exists (select from used_tickets where ticket_id = p_ticket_id)
               and not exists (select from user_limits where user_id = p_user_id and is_kept_out)
               and not exists (select from webhooks where types && '{connection.opened,connection.closed}'::text[])
            returning id
    )
    insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
        select v_now, 'online', id, p_user_id, p_resource, v_now from opened;
    if found then
        return 'opened';
    end if;

    perform prefer_indexes();
    if exists (select from used_tickets where ticket_id = p_ticket_id) then
        return 'refused';
    end if;
    select c.connection_id into v_opened from watching_times w, connections(w.nodes) c
     where w.user_id = p_user_id and c.ticket_id = p_ticket_id;
    if found then
        return case when v_opened = p_connection_id then 'repeated' else 'refused' end;
    end if;
    if exists (select from webhooks where types && '{connection.opened,connection.closed}'::text[]) then
        v_connection := v_connection || '{"told": true}';
    end if;
    v_outcome := case when is_kept_out(p_user_id, v_now) then 'kept_out'
                      else enter(p_user_id, p_resource, p_node, p_connection_id, v_connection,
                                 p_grace, p_max_connections, v_now) end;
    if v_outcome in ('too_many', 'kept_out') then
        -- The handshake is refused: if the event comes again, it must not open anything.
        perform use_up(p_ticket_id, p_ticket_expires_at, v_now);
    elsif v_connection ? 'told' then
        perform tell_connection('opened', w, p_connection_id, v_now)
           from watching_times w where w.user_id = p_user_id and w.resource = p_resource;
    end if;
    return v_outcome;
end $$;
