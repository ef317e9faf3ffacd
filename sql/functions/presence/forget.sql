-- End connections that are gone, one per position of the arrays: each leaves its session, which ends at
-- the last evidence for it. Returns how many sessions that closed.
-- A connection younger than a minute stays: API Gateway answers 410 for it while its handshake is running,
-- as for one that is gone. A later sweep looks again. Users are locked in one order, that of `finalize` and
-- `add_watch_totals`, so no two of them can deadlock.
create or replace function forget(
    p_user_ids text[], p_nodes text[], p_connection_ids text[], p_ended_by text[],
    p_grace interval default '30 seconds', p_now timestamptz default null
) returns integer language plpgsql as $$
declare
    v_gone record;
    v_opened_at timestamptz;
    v_seen_at timestamptz;
    v_now timestamptz;
    v_closed integer := 0;
begin
    for v_gone in
        select * from unnest(p_user_ids, p_nodes, p_connection_ids, p_ended_by)
            as g(user_id, node, connection_id, ended_by)
         order by g.user_id
    loop
        v_now := lock_user(v_gone.user_id, p_now);
        select c.opened_at, last_evidence(c.opened_at, c.seen_at, v_now) into v_opened_at, v_seen_at
          from watching_times w, connections(w.nodes) c
         where w.user_id = v_gone.user_id
           and c.node = v_gone.node and c.connection_id = v_gone.connection_id;
        continue when not found or (v_opened_at > v_now - interval '1 minute' and v_opened_at <= v_now);
        v_closed := v_closed + leave(
            v_gone.user_id, v_gone.node, v_gone.connection_id, v_gone.ended_by::ending,
            v_seen_at, least(v_now, v_opened_at + interval '2 hours'), p_grace, v_now)::integer;
    end loop;
    return v_closed;
end $$;
