-- A connection says whether it is visible. Returns one row; outcome
--   noted                 it is as it says, unless a later report came before
--   not_connected         it is in no session: the client should connect again
--   slow_down, kept_out   see `spend`; wait_ms says when to try again
create or replace function visibility(
    p_user_id text, p_node text, p_connection_id text, p_visible boolean, p_change bigint,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
    else
        v_now := lock_user(p_user_id, p_now);
        outcome := case when note_visibility(p_user_id, p_node, p_connection_id, p_visible, p_change, v_now)
                        then 'noted' else 'not_connected' end;
    end if;
    server_now := ms(v_now);
end $$;
