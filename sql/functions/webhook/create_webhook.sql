-- Make a webhook, which is told of what is recorded from now on. Returns created; repeated, conflict: the id was used for the
-- same, or for another order; too_many: there are p_max.
create or replace function create_webhook(
    p_webhook_id uuid, p_url text, p_types text[], p_resource text, p_secret text, p_fingerprint text, p_max integer,
    p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_log webhook_log;
    v_fingerprint text;
begin
    v_log := follow_sources(p_types);
    select coalesce(fingerprint, '') into v_fingerprint from webhooks where webhook_id = p_webhook_id;
    if found then
        return case when v_fingerprint = p_fingerprint then 'repeated' else 'conflict' end;
    end if;
    if (select count(*) from webhooks) >= p_max then
        return 'too_many';
    end if;
    insert into webhooks (webhook_id, url, types, resource, secret, fingerprint, created_at, done_seq)
        values (p_webhook_id, p_url, p_types, p_resource, p_secret, p_fingerprint,
                coalesce(p_now, clock_timestamp()), v_log.last_seq);
    return 'created';
end $$;
