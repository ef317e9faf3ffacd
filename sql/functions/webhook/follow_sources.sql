-- Lock the log of webhooks, and let each source that none of them has wanted so far begin now: what is recorded from here on
-- is for those who want p_types. Returns the log.
create or replace function follow_sources(p_types text[]) returns webhook_log language plpgsql as $$
declare
    v_log webhook_log;
    v_wanted text[];
begin
    select * into v_log from webhook_log for update;
    v_wanted := array(select distinct unnest(types) from webhooks);
    if p_types && '{user.online,user.offline}' and not v_wanted && '{user.online,user.offline}' then
        select l.last_seq into v_log.presence_seq from presence_event_log l;
    end if;
    if 'bonus.granted' = any (p_types) and not 'bonus.granted' = any (v_wanted) then
        -- All transactions before it have ended.
        v_log.grant_xid := pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1;
        v_log.grant_id := 9223372036854775807;
    end if;
    update webhook_log set presence_seq = v_log.presence_seq, grant_xid = v_log.grant_xid, grant_id = v_log.grant_id
     where (presence_seq, grant_xid, grant_id) is distinct from (v_log.presence_seq, v_log.grant_xid, v_log.grant_id);
    return v_log;
end $$;
