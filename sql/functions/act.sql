-- A user did something: the next event of their stream, once per action id. Returns one row; outcome
--   acted      this is the event
--   repeated   the same action came before; this is the event it made
--   conflict   the id was used for something else; nothing is written
--   too_large  as JSON of ours it is longer than 16 KB (1e308 becomes 309 digits); nothing is written
-- others: [[node, connection id], …] of all the user's open connections. They are told again when
-- the action is repeated: the first time may have died between the commit and the push.
create or replace function act(
    p_user_id text, p_action_id text, p_type text, p_body jsonb, p_now timestamptz default null
) returns table (outcome text, server_now bigint, epoch uuid, event jsonb, others jsonb)
language plpgsql as $$
declare
    v_now timestamptz;
    v_event user_events;
begin
    v_now := lock_user(p_user_id, p_now);
    select * into v_event from user_events where user_id = p_user_id and action_id = p_action_id;
    outcome := case when not found and octet_length(p_body::text) > 16384 then 'too_large'
                    when not found then 'acted'
                    when v_event.type = p_type and v_event.body = p_body then 'repeated'
                    else 'conflict' end;
    if outcome = 'acted' then
        v_event := append_event(p_user_id, p_type, p_body, p_action_id, v_now);
    end if;
    return query select outcome, ms(v_now), e.epoch, event_json(v_event), connections_of(p_user_id)
                   from stream_epoch e;
end $$;
