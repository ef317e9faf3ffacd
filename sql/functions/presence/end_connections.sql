-- End connections of one user that we closed (kick, end of a session): each leaves its session, which
-- ends now if that was the last one. A session within its grace ends for good as well. p_session_id (null:
-- all of the user's). Returns how many sessions that closed.
create or replace function end_connections(
    p_user_id text, p_session_id bigint, p_nodes text[], p_connection_ids text[],
    p_now timestamptz default null
) returns integer language plpgsql as $$
declare
    v_now timestamptz;
    v_one record;
    v_closed integer := 0;
begin
    v_now := lock_user(p_user_id, p_now);
    for v_one in select * from unnest(p_nodes, p_connection_ids) as c(node, connection_id) loop
        v_closed := v_closed + leave(p_user_id, v_one.node, v_one.connection_id, 'kicked',
                                     v_now, v_now, interval '0', v_now)::integer;
    end loop;
    with stopped as (
        update watching_times set ended_by = 'kicked'
         where user_id = p_user_id and ended_at is not null
           and not is_for_good(ended_by) and (p_session_id is null or id = p_session_id)
        returning *
    )
    insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
        select v_now, 'offline', id, user_id, resource, ended_at from stopped;
    return v_closed;
end $$;
