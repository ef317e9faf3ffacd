-- Lock the log of webhooks, and let each source that none of them has wanted so far begin now: what is recorded from here on
-- is for those who want p_types, and so are the bonuses that open from here on. Returns the log.
create or replace function follow_sources(p_types text[]) returns webhook_log language plpgsql as $$
declare
    v_log webhook_log;
    v_wanted text[];
begin
    -- First: a transaction that makes a bonus ends before it, or sees what is made here.
    perform pg_advisory_xact_lock(hashtextextended('webhooks', 5));
    select * into v_log from webhook_log for update;
    v_wanted := array(select distinct unnest(types) from webhooks);
    -- What is left of those who wanted it before.
    delete from webhook_outbox where type = any (p_types) and not type = any (v_wanted);
    if 'bonus.opened' = any (p_types) and not 'bonus.opened' = any (v_wanted) then
        insert into webhook_outbox (due_at, type, resource, at, data)
            select b.opens_at, 'bonus.opened', b.resource, b.opens_at, opening_json(b)
              from bonuses b where b.opens_at > clock_timestamp() and b.cancelled_at is null;
    end if;
    if p_types && '{user.online,user.offline}' and not v_wanted && '{user.online,user.offline}' then
        select l.last_seq into v_log.presence_seq from presence_event_log l;
    end if;
    if p_types && '{bonus.granted,bonus.claimed}' and not v_wanted && '{bonus.granted,bonus.claimed}' then
        -- All transactions before it have ended.
        v_log.grant_xid := pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1;
        v_log.grant_id := 9223372036854775807;
    end if;
    update webhook_log set presence_seq = v_log.presence_seq, grant_xid = v_log.grant_xid, grant_id = v_log.grant_id
     where (presence_seq, grant_xid, grant_id) is distinct from (v_log.presence_seq, v_log.grant_xid, v_log.grant_id);
    return v_log;
end $$;
