-- Send a webhook again what was recorded since p_begins. Returns replayed; unknown; or pruned: the log does not reach back so
-- far, or not for this webhook, and since says how far it does.
create or replace function replay_webhook(
    p_webhook_id uuid, p_begins timestamptz, out outcome text, out since bigint
) language plpgsql as $$
declare
    v_log webhook_log;
    v_webhook webhooks;
    v_done_seq bigint;
begin
    select * into v_log from webhook_log for update;
    select * into v_webhook from webhooks w where w.webhook_id = p_webhook_id for update;
    if not found then
        outcome := 'unknown';
        return;
    end if;
    -- Whole milliseconds, as the API says them: what it says can be sent back.
    since := greatest(ceil(extract(epoch from v_log.pruned_at + interval '1 millisecond') * 1000), ms(v_webhook.created_at));
    if ms(p_begins) < since then
        outcome := 'pruned';
        return;
    end if;
    v_done_seq := coalesce((select e.seq - 1 from webhook_events e where e.recorded_at >= p_begins
                             order by e.recorded_at, e.seq limit 1), v_log.last_seq);
    delete from webhook_deliveries d where d.webhook_id = p_webhook_id and d.seq > v_done_seq;
    -- Without its worker: what that reports now was of before.
    update webhooks w set done_seq = v_done_seq, worker = null, failures = 0, failing_since = null, next_at = '-infinity'
     where w.webhook_id = p_webhook_id;
    outcome := 'replayed';
end $$;
