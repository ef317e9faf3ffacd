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
    v_seen_at    timestamptz;
    v_gone_by    timestamptz;
    v_is_last    boolean;
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
    -- Not after p_now: the clock may have gone back since a moment was stored.
    v_seen_at := least(greatest(p_seen_at, to_timestamp((v_connection ->> 'heard')::float8)), p_now);
    v_is_last := size(v_session.nodes) = 1;
    if not v_is_last or v_session.evidence is not null then
        -- A part may begin when this connection came, of which milliseconds are kept: the session does not end before.
        v_seen_at := greatest(v_seen_at, least(here_since(v_connection), p_now));
    end if;
    if not v_is_last or v_session.visible is not null then
        v_session.visible := with_visible(v_session, shown_since(v_connection), v_seen_at);
    end if;
    v_session.nodes := without_connection(v_session.nodes, p_node, p_connection_id);
    -- A connection that left earlier may have been open longer than this one. So an open session keeps
    -- the error bound, until a connection shows that it goes on.
    v_gone_by := greatest(p_gone_by, v_session.seen_at + v_session.ended_within);
    v_session.seen_at := greatest(v_session.joined_at, least(greatest(v_session.seen_at, v_seen_at), p_now));
    v_session.ended_within := greatest(v_gone_by - v_session.seen_at, interval '0');
    v_session.back_by := back_by(v_session.back_by, p_ended_by, p_gone_by, p_now);
    if not v_is_last or v_session.evidence is not null then
        v_session.evidence := with_evidence(
            v_session.evidence, least(here_since(v_connection), p_now), v_seen_at, p_grace);
    end if;
    if v_is_last then
        v_session.ended_at := v_session.seen_at;
        v_session.ended_by := p_ended_by;
        v_session.visible := visible_within(v_session, v_session.ended_at);
        v_session.back_by := case when is_for_good(p_ended_by) then p_now else greatest(
            v_session.back_by, least(greatest(p_now, v_session.ended_at + p_grace), p_now + p_grace)) end;
        insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
            values (v_session.back_by, 'offline', v_session.id, p_user_id, v_session.resource,
                    v_session.ended_at);
    end if;
    update watching_times
       set nodes = v_session.nodes, seen_at = v_session.seen_at, ended_at = v_session.ended_at,
           ended_by = v_session.ended_by, ended_within = v_session.ended_within,
           back_by = v_session.back_by, evidence = v_session.evidence, visible = v_session.visible
     where user_id = p_user_id and resource = v_session.resource;
    if v_connection ? 'told' and p_ended_by <> 'moved' then
        perform tell_connection('closed', v_session, p_connection_id, v_seen_at, p_ended_by);
    end if;
    if v_session.evidence is not null then
        perform divide(p_user_id, v_session.resource, v_session.evidence + here_from(v_session.nodes, p_now),
                       p_ended_by, p_grace);
    end if;
    perform keep_short(w, p_now) from watching_times w
     where not v_is_last and user_id = p_user_id and resource = v_session.resource;
    return v_is_last;
end $$;
