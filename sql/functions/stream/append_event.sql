-- Append an event to a user's stream and return it. Its seq is gap-free: it comes from a row that stays
-- locked until the commit. p_patch (null: none) is what changed the user's state, p_state the new state; a
-- caller that changes the state holds the user's lock.
create or replace function append_event(
    p_user_id text, p_type text, p_body jsonb, p_patch jsonb, p_state jsonb, p_action_id text,
    p_now timestamptz
) returns user_events language plpgsql as $$
declare
    v_event user_events;
begin
    insert into user_streams as s (user_id, seq, state, last_month)
        values (p_user_id, 1, coalesce(p_state, '{}'), month_of(p_now))
        on conflict (user_id) do update
           set seq = s.seq + 1, state = coalesce(p_state, s.state), last_month = excluded.last_month
        returning s.user_id, s.seq into v_event.user_id, v_event.seq;
    insert into user_events (user_id, seq, type, body, patch, at, action_id)
        values (p_user_id, v_event.seq, p_type, p_body, p_patch, p_now, p_action_id)
        returning * into v_event;
    return v_event;
end $$;
