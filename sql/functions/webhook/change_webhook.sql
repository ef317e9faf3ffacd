-- Change a webhook. Returns changed; unknown; or pruned: it was off for so long that events which it has not had were removed, and
-- it cannot go on from there.
create or replace function change_webhook(
    p_webhook_id uuid, p_url text, p_types text[], p_resource text, p_is_on boolean, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_log webhook_log;
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_webhook webhooks;
begin
    v_log := follow_sources(p_types);
    select * into v_webhook from webhooks where webhook_id = p_webhook_id for update;
    if not found then
        return 'unknown';
    end if;
    if p_is_on and v_webhook.off_at is not null and v_webhook.done_seq < v_log.pruned_seq then
        return 'pruned';
    end if;
    update webhooks
       set url = p_url, types = p_types, resource = p_resource,
           off_at = case when not p_is_on then coalesce(off_at, v_now) end,
           off_by = case when not p_is_on then coalesce(off_by, 'order') end,
           failures = 0, failing_since = null, next_at = '-infinity'
     where webhook_id = p_webhook_id;
    -- Another chance, at once.
    update webhook_deliveries set due_at = v_now
     where webhook_id = p_webhook_id and state = 'waiting' and due_at < 'infinity';
    return 'changed';
end $$;
