-- A connection opens: join the user's open session, reopen the one that closed within the grace, or
-- open a new one. Returns
--   opened    a new session
--   reopened  a reload or a rotation: the session goes on as if it had never closed
--   joined    another tab or device
--   repeated  this very event has been here before; nothing changed
--   refused   the ticket has opened another connection, has expired, or its connection is gone
-- The ticket's row is what makes this idempotent: delivered twice, late, or after its own
-- $disconnect, the event finds the row (or a ticket long expired) and changes nothing.
create or replace function connect(
    p_user_id text, p_resource text, p_node text, p_connection_id text,
    p_ticket_id text, p_ticket_expires_at timestamptz, p_grace interval, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_session watching_times;
    v_ticket used_tickets;
begin
    perform lock_user(p_user_id);
    -- After the lock, not now(): whoever waited must not write a time before what it waited for.
    v_now := coalesce(p_now, clock_timestamp());

    -- The gateway holds a handshake for at most 29 s per step; one minute covers both.
    if v_now > p_ticket_expires_at + interval '1 minute' then
        return 'refused';
    end if;
    insert into used_tickets (ticket_id, connection_id, expires_at)
        values (p_ticket_id, p_connection_id, p_ticket_expires_at)
        on conflict (ticket_id) do nothing;
    if not found then
        select * into v_ticket from used_tickets where ticket_id = p_ticket_id;
        return case when v_ticket.connection_id = p_connection_id and not v_ticket.gone
                    then 'repeated' else 'refused' end;
    end if;

    update watching_times
       set nodes = with_connection(nodes, p_node, p_connection_id, v_now),
           seen_at = greatest(seen_at, v_now)
     where user_id = p_user_id and resource = p_resource and terminate_at is null;
    if found then
        return 'joined';
    end if;

    select * into v_session from watching_times
     where user_id = p_user_id and resource = p_resource and terminate_at > v_now - p_grace
     order by terminate_at desc limit 1;
    if found and v_session.ended_by <> 'kicked' then
        update watching_times
           set nodes = with_connection('{}', p_node, p_connection_id, v_now),
               seen_at = greatest(seen_at, v_now),
               terminate_at = null, ended_by = null, ended_within = null
         where id = v_session.id;
        return 'reopened';
    end if;

    insert into watching_times (user_id, resource, join_at, seen_at, nodes)
        values (p_user_id, p_resource, v_now, v_now,
                with_connection('{}', p_node, p_connection_id, v_now));
    return 'opened';
end $$;
