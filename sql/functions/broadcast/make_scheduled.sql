-- Make a broadcast that is scheduled, if it is due. Returns after how many milliseconds to ask again: 0, it is made or has
-- become needless; null, none is scheduled.
-- Half of the time that is left, so that a worker which waits up to twice as long does not come late.
create or replace function make_scheduled(p_broadcast_id uuid, p_now timestamptz default null) returns integer
language plpgsql as $$
declare
    v_scheduled scheduled_broadcasts;
    v_now timestamptz;
begin
    -- One at a time: the others find it made.
    select * into v_scheduled from scheduled_broadcasts where broadcast_id = p_broadcast_id for update;
    if not found then
        return case when exists (select from broadcasts where broadcast_id = p_broadcast_id) then 0 end;
    end if;
    v_now := coalesce(p_now, clock_timestamp());
    if v_now < v_scheduled.due_at then
        return greatest(5, milliseconds(v_scheduled.due_at - v_now) / 2);
    end if;
    case v_scheduled.step
        when 'question' then perform tell_question(v_scheduled.subject_id, v_now);
        when 'result' then perform close_question(v_scheduled.subject_id, p_now);
        when 'key' then perform tell_key(v_scheduled.subject_id, v_now);
        when 'bonus' then
            if not reward_answers(v_scheduled.subject_id, v_now) then
                return 100;
            end if;
    end case;
    -- The worker that asked is at work on it.
    update broadcasts set queued_at = v_now where broadcast_id = p_broadcast_id;
    delete from scheduled_broadcasts where broadcast_id = p_broadcast_id;
    return 0;
end $$;
