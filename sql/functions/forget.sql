-- Connections found gone, one per position of the arrays: take each out of its session.
-- p_seen_at: when each was last known to be open (null: only the session's own evidence counts).
-- p_gone_by: when each was certainly gone (null: now). Returns how many sessions that closed.
-- Users are locked in one order, so two of these never wait for each other in a circle.
create or replace function forget(
    p_user_ids text[], p_nodes text[], p_connection_ids text[], p_ended_by text[],
    p_seen_at timestamptz[], p_gone_by timestamptz[], p_now timestamptz default null
) returns integer language plpgsql as $$
declare
    v_gone record;
    v_closed integer := 0;
begin
    for v_gone in
        select * from unnest(p_user_ids, p_nodes, p_connection_ids, p_ended_by, p_seen_at, p_gone_by)
            as g(user_id, node, connection_id, ended_by, seen_at, gone_by)
         order by hashtextextended(g.user_id, 0)
    loop
        perform lock_user(v_gone.user_id);
        v_closed := v_closed + leave(
            v_gone.user_id, v_gone.node, v_gone.connection_id, v_gone.ended_by, v_gone.seen_at,
            coalesce(v_gone.gone_by, p_now, clock_timestamp()))::integer;
    end loop;
    return v_closed;
end $$;
