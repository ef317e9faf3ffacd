-- Tell the audience of a reveal the key to what it has been told sealed.
create or replace function tell_key(p_reveal_id uuid, p_now timestamptz) returns void language plpgsql as $$
declare
    v_reveal reveals;
begin
    perform lock_reveal(p_reveal_id);
    select * into v_reveal from reveals where reveal_id = p_reveal_id;
    if v_reveal.cancelled_at is null and p_now < shown_until(v_reveal) then
        perform create_broadcast(
            v_reveal.key_id, 'news', null,
            jsonb_build_object('type', 'reveal.key', 'body', jsonb_build_object(
                'reveal_id', p_reveal_id, 'reveals_at', ms(v_reveal.reveals_at), 'key', v_reveal.key)),
            null, v_reveal.audience, v_reveal.resource, shown_until(v_reveal), p_now);
    end if;
end $$;
