-- Cancel a reveal before its instant: it is not shown. Its audience is told by p_cancel_id, as of cancelled news. Returns
-- cancelled; already_cancelled or revealed if nothing changed; null if there is no such reveal.
create or replace function cancel_reveal(
    p_reveal_id uuid, p_cancel_id uuid, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_reveal reveals;
begin
    perform prefer_indexes();
    -- In the order of `make_scheduled`.
    perform from scheduled_broadcasts where subject_id = p_reveal_id for update;
    perform lock_reveal(p_reveal_id);
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_reveal from reveals where reveal_id = p_reveal_id;
    if not found or v_reveal.cancelled_at is not null then
        return case when found then 'already_cancelled' end;
    elsif reveal_state(v_reveal, v_now) = 'revealed' then
        return 'revealed';
    end if;
    update reveals set cancelled_at = v_now where reveal_id = p_reveal_id;
    delete from scheduled_broadcasts where broadcast_id = v_reveal.key_id;
    perform recall_news(p_reveal_id, p_cancel_id, p_now);
    return 'cancelled';
end $$;
