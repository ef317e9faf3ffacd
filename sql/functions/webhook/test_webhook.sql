-- Record an event for this webhook alone. Returns its id; null: there is no such webhook.
create or replace function test_webhook(p_webhook_id uuid, p_now timestamptz default null) returns uuid language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_event_id uuid := gen_random_uuid();
begin
    -- The log first, as all do who take both.
    perform from webhook_log for update;
    if not exists (select from webhooks where webhook_id = p_webhook_id) then
        return null;
    end if;
    with numbered as (update webhook_log set last_seq = last_seq + 1 returning last_seq)
    insert into webhook_events (seq, event_id, type, webhook_id, at, recorded_at, data)
        select last_seq, v_event_id, 'webhook.test', p_webhook_id, v_now, v_now, '{}' from numbered;
    return v_event_id;
end $$;
