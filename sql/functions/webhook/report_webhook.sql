-- Report what became of what `take_webhook` gave, and let the webhook go. False, and nothing is written: another worker has it
-- meanwhile, or it was replayed; what was sent may be sent again.
--   p_upto       of take_webhook
--   p_delivered  how many were taken
--   p_outcomes   [{seq, state, attempted, status, error, delay_ms}, …] of all but those that were taken at the first attempt; a
--                delay_ms of null: it waits behind another event of its user
--   p_pause      if none was taken and some failed: nothing is sent before that
--   p_is_gone    the receiver wants nothing more
-- A webhook that has taken nothing for five days (120 hours) is switched off. One that takes something again gets all at once.
create or replace function report_webhook(
    p_webhook_id uuid, p_worker uuid, p_upto bigint, p_delivered integer, p_outcomes jsonb, p_pause interval,
    p_is_gone boolean, p_now timestamptz default null
) returns boolean language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_webhook webhooks;
    v_off_by text;
begin
    select * into v_webhook from webhooks where webhook_id = p_webhook_id and worker = p_worker for update;
    if not found then
        return false;
    end if;
    perform prefer_indexes();
    insert into webhook_deliveries as d (webhook_id, seq, state, attempts, first_at, last_at, due_at, status, error)
        select p_webhook_id, o.seq, o.state, o.attempted::integer, v_now, v_now,
               coalesce(v_now + o.delay_ms * interval '1 millisecond', 'infinity'), o.status, o.error
          from jsonb_to_recordset(p_outcomes)
               as o (seq bigint, state text, attempted boolean, status smallint, error text, delay_ms bigint)
        on conflict (webhook_id, seq) do update
           set state = excluded.state, attempts = d.attempts + excluded.attempts, last_at = excluded.last_at,
               -- Until it is tried, it only waits.
               first_at = case when d.attempts = 0 then excluded.first_at else d.first_at end,
               due_at = excluded.due_at, status = excluded.status, error = excluded.error;
    if p_delivered > 0 and v_webhook.failures > 0 then
        update webhook_deliveries set due_at = v_now
         where webhook_id = p_webhook_id and state = 'waiting' and due_at < 'infinity';
    end if;
    -- The next event of each user whose turn has come.
    update webhook_deliveries d set due_at = v_now
      from webhook_events e
     where d.webhook_id = p_webhook_id and d.state = 'waiting' and d.due_at = 'infinity' and e.seq = d.seq
       and not exists (select from webhook_deliveries b join webhook_events o on o.seq = b.seq
                        where b.webhook_id = p_webhook_id and b.state = 'waiting' and b.seq < d.seq
                          and o.user_id = e.user_id);
    if p_delivered > 0 then
        update webhooks
           set delivered = delivered + p_delivered, delivered_at = v_now, failures = 0, failing_since = null
         where webhook_id = p_webhook_id;
    elsif p_pause is not null then
        update webhooks
           set failures = failures + 1, failing_since = coalesce(failing_since, v_now), next_at = v_now + p_pause
         where webhook_id = p_webhook_id;
    end if;
    v_off_by := case when p_is_gone then 'gone'
                     when p_delivered = 0 and v_webhook.failing_since < v_now - interval '120 hours' then 'failing' end;
    update webhooks
       set done_seq = greatest(done_seq, p_upto), held_until = '-infinity',
           off_at = case when v_off_by is null then off_at else coalesce(off_at, v_now) end,
           off_by = coalesce(off_by, v_off_by)
     where webhook_id = p_webhook_id;
    return true;
end $$;
