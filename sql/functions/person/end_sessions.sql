-- End all sessions of a user now, for good, with the connections that could not be closed: they move to
-- past_sessions. Returns how many.
create or replace function end_sessions(p_user_id text, p_now timestamptz) returns bigint language plpgsql as $$
declare
    v_nodes text[];
    v_connection_ids text[];
    v_resource text;
    v_ended bigint := 0;
begin
    perform lock_user(p_user_id, p_now);
    -- All of them before the first is moved: `finalize` holds a session before it waits for a total.
    perform from watching_times w where w.user_id = p_user_id for update;
    select array_agg(c.node), array_agg(c.connection_id) into v_nodes, v_connection_ids
      from watching_times w, connections(w.nodes) c where w.user_id = p_user_id;
    perform end_for_good(p_user_id, null, v_nodes, v_connection_ids, coalesce(p_now, clock_timestamp()));
    for v_resource in select w.resource from watching_times w where w.user_id = p_user_id loop
        perform finalize_session(p_user_id, v_resource, coalesce(p_now, clock_timestamp()));
        v_ended := v_ended + 1;
    end loop;
    return v_ended;
end $$;
