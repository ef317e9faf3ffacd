-- Whether a report of a connection's visibility is news: later than what is known of it. p_change numbers the
-- reports of a connection from 1. Null: it is no report, or the connection is gone.
create or replace function is_news(p_connection jsonb, p_visible boolean, p_change bigint) returns boolean
language sql immutable as $$
    -- Without a report a connection is visible, so the first one that says so is none.
    select p_visible is not null and p_change > coalesce((p_connection ->> 'said')::bigint,
                                                         case when p_connection is not null then p_visible::integer end)
$$;

-- Note that a connection is visible now, or hidden. Its first report tells what it has been since it came. What is
-- late, or was said before, changes nothing. Returns false if the connection is in no session.
-- The caller holds the user's lock. The write does not wait for the disk: if the server loses power, the client's
-- next hello tells it again.
create or replace function note_visibility(
    p_user_id text, p_node text, p_connection_id text, p_visible boolean, p_change bigint, p_now timestamptz
) returns boolean language plpgsql as $$
declare
    v_session    watching_times;
    v_connection jsonb;
    v_since      timestamptz;
    v_setting    text;
begin
    select * into v_session from watching_times
     where user_id = p_user_id and nodes -> p_node ? p_connection_id;
    if not found then
        return false;
    end if;
    v_connection := v_session.nodes -> p_node -> p_connection_id;
    if not is_news(v_connection, p_visible, p_change) then
        return true;
    end if;
    v_setting := set_config('synchronous_commit', 'off', true);
    v_since := shown_since(v_connection);
    if v_since is not null and not p_visible then
        v_session.visible := with_visible(v_session, case when p_change > 1 then v_since end, p_now);
        v_connection := v_connection - 'shown'
            || jsonb_build_object('said', p_change, 'heard', extract(epoch from p_now), 'hidden', true);
    elsif v_since is null and p_visible then
        v_connection := v_connection - 'hidden'
            || jsonb_build_object('said', p_change, 'heard', extract(epoch from p_now), 'shown', extract(epoch from p_now));
    else
        v_connection := v_connection || jsonb_build_object('said', p_change, 'heard', extract(epoch from p_now));
    end if;
    v_session.nodes := jsonb_set(v_session.nodes, array[p_node, p_connection_id], v_connection);
    update watching_times set nodes = v_session.nodes, visible = v_session.visible
     where user_id = p_user_id and resource = v_session.resource;
    if not p_visible then  -- only that adds a piece
        perform keep_short(v_session, p_now);
    end if;
    return true;
end $$;
