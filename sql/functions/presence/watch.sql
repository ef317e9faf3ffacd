-- Move a connection to another resource: it leaves the one session and enters the other in one statement.
-- Returns one row; outcome
--   opened, continued, joined   see `enter`
--   watching                    it is there already
--   not_connected               it is in no session: the client should connect again
--   slow_down, kept_out         see `spend`; wait_ms says when to try again
-- joined_at, connections, watched_ms, visible_ms: of the session that it is in now.
create or replace function watch(
    p_user_id text, p_node text, p_connection_id text, p_resource text, p_grace interval,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null
) returns table (
    outcome text, wait_ms integer, server_now bigint, joined_at bigint, connections bigint,
    watched_ms bigint, visible_ms bigint
)
language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_session watching_times;
    v_is_over boolean;
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return next;
        return;
    end if;
    v_now := lock_user(p_user_id, p_now);
    select * into v_session from watching_times w
     where w.user_id = p_user_id and w.nodes -> p_node ? p_connection_id;
    outcome := case when not found then 'not_connected'
                    when v_session.resource = p_resource then 'watching' end;
    if outcome is null then
        v_is_over := leave(p_user_id, p_node, p_connection_id, 'moved', v_now, v_now, p_grace, v_now);
        outcome := enter(p_user_id, p_resource, p_node, p_connection_id,
                         (v_session.nodes -> p_node -> p_connection_id) - 'shown'
                         || jsonb_build_object('since', extract(epoch from v_now)::numeric(14, 3)),
                         p_grace, 2147483647, v_now);
        -- To and fro leaves a past session and two presence events each time.
        perform charge(p_user_id, p_gap, case when v_is_over or outcome = 'opened' then 4 else 1 end);
    end if;
    return query
        select outcome, 0, ms(v_now), ms(coalesce(w.began_at, w.joined_at)), (select count(*) from connections(w.nodes)),
               milliseconds(so_far.connected), milliseconds(so_far.visible)
          from watched_on(p_user_id, p_resource, v_now) as so_far
               left join watching_times w on w.user_id = p_user_id and w.resource = p_resource
                                         and w.ended_at is null and outcome <> 'not_connected';
end $$;
