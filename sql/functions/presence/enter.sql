-- Put a connection into the user's session on a resource. Returns
--   opened     a new session
--   continued  the session goes on that had closed, and that its user may be on the way back to
--   joined     another connection of the user holds the session open
--   too_many   the user would have more than p_max_connections connections; nothing changed
-- The caller holds the user's lock. p_connection: see with_connection.
create or replace function enter(
    p_user_id text, p_resource text, p_node text, p_connection_id text, p_connection jsonb,
    p_grace interval, p_max_connections integer, p_now timestamptz
) returns text language plpgsql as $$
declare
    v_id bigint;
    v_is_new boolean;
    v_is_alone boolean;
    v_closed watching_times;
    v_connection jsonb := p_connection;
begin
    select * into v_closed from watching_times w
     where w.user_id = p_user_id and w.resource = p_resource and w.ended_at is not null;
    -- A user who is back within the grace was there all the while, and as visible as before.
    if greatest(v_closed.back_by, lost_until(v_closed, p_now)) > p_now and p_now - v_closed.ended_at <= p_grace
       and not p_connection ? 'hidden' and coalesce(upper(v_closed.visible) = v_closed.ended_at, v_closed.visible is null) then
        v_connection := p_connection || jsonb_build_object('shown', extract(epoch from v_closed.ended_at));
    end if;
    insert into watching_times as w (user_id, resource, joined_at, seen_at, nodes, visible)
        select p_user_id, p_resource, p_now, p_now,
               jsonb_build_object(p_node, jsonb_build_object(p_connection_id, p_connection)),
               case when p_connection ? 'hidden' then tstzmultirange() end
         where count_connections(p_user_id) < p_max_connections
        on conflict (user_id, resource) do update
           set nodes = with_connection(w.nodes, p_node, p_connection_id, v_connection),
               seen_at = greatest(w.seen_at, p_now),
               ended_at = null, ended_by = null, ended_within = null,
               -- Its only line is back, so it waits for no other.
               back_by = case when w.ended_at is null or w.evidence is not null then w.back_by end,
               evidence = case when w.ended_at is null then w.evidence end,
               visible = case when w.ended_at is not null and p_connection ? 'hidden'
                              then coalesce(w.visible, tstzmultirange(tstzrange(w.joined_at, w.ended_at)))
                              else w.visible end
         where w.ended_at is null
            or (greatest(w.back_by, lost_until(w, p_now)) > p_now and not is_for_good(w.ended_by))
        returning id, xmax = 0, size(nodes) = 1 into v_id, v_is_new, v_is_alone;
    if v_is_new then
        insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
            values (p_now, 'online', v_id, p_user_id, p_resource, p_now);
        return 'opened';
    end if;
    if v_id is not null then
        -- An outage that is longer than the grace was not watched.
        if p_now - v_closed.ended_at > p_grace then
            perform begin_part(p_user_id, p_resource, v_closed.ended_at, v_closed.ended_by,
                               least(v_closed.ended_within, p_now - v_closed.ended_at), p_now);
        end if;
        return case when v_is_alone then 'continued' else 'joined' end;
    end if;
    if count_connections(p_user_id) >= p_max_connections then
        return 'too_many';
    end if;
    -- A session that is over is in the way: it has not been finalized yet.
    perform finalize_session(p_user_id, p_resource, p_now);
    return enter(p_user_id, p_resource, p_node, p_connection_id, p_connection, p_grace, p_max_connections, p_now);
end $$;
