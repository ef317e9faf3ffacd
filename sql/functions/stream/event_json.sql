-- An event as the clients read it.
create or replace function event_json(p_event user_events) returns jsonb
language sql stable as $$
    select jsonb_build_object('seq', p_event.seq, 'type', p_event.type, 'body', p_event.body,
                              'at', ms(p_event.at), 'id', p_event.action_id)
        || case when p_event.patch is null then '{}'
                else jsonb_build_object('patch', p_event.patch) end
$$;
