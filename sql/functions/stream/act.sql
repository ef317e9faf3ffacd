-- Append an action to a user's stream, once per action id. p_patch (null: none)
-- changes their state with it. Returns one row; outcome
--   acted      this is the event
--   repeated   the same action came before; this is its event
--   conflict   the id was used for something else; nothing is written
--   too_large  stored as jsonb it is longer than 16 KB (1e308 becomes 309 digits); nothing is written
--   state_too_large   the state would be longer than 16 KB; nothing is written
--   slow_down, kept_out   see `spend`; wait_ms says when to try again
-- others: [[node, connection id], …] of all the user's open connections. A repeat returns them again: the
-- first call may have died between the commit and the push.
create or replace function act(
    p_user_id text, p_action_id text, p_type text, p_body jsonb, p_patch jsonb default null,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint, out epoch uuid, out event jsonb,
    out others jsonb
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_event user_events;
    v_state jsonb;
    -- As stored; an event has at most 300 bytes more.
    v_bytes integer := octet_length(p_body::text) + coalesce(octet_length(p_patch::text), 0);
    v_units double precision;
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return;
    end if;
    v_now := lock_user(p_user_id, p_now);
    select * into v_event from user_events where user_id = p_user_id and action_id = p_action_id;
    if not found and p_patch is not null then
        v_state := merge_patch((select state from user_streams where user_id = p_user_id), p_patch);
    end if;
    if v_event.seq is not null then
        outcome := case when v_event.type = p_type and v_event.body = p_body
                             and v_event.patch is not distinct from p_patch then 'repeated'
                        else 'conflict' end;
    elsif v_bytes > 16384 then
        outcome := 'too_large';
    elsif octet_length(v_state::text) > 16384 then
        outcome := 'state_too_large';
    else
        outcome := 'acted';
        v_event := append_event(p_user_id, p_type, p_body, p_patch, v_state, p_action_id, v_now);
    end if;
    server_now := ms(v_now);
    select e.epoch into epoch from stream_epoch e;
    event := event_json(v_event);
    others := connections_of(p_user_id);
    v_units := cost_of(jsonb_array_length(others), v_bytes + 300);
    if v_units > 1 and outcome in ('acted', 'repeated') then
        perform charge(p_user_id, p_gap, v_units);
    end if;
end $$;
