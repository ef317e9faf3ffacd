-- Remove events of webhooks that were recorded seven days (168 hours) ago, at most p_limit, in their order, with their deliveries.
-- A webhook that has not had all of them is switched off, and says so: see `replay_webhook`. Returns how many.
create or replace function prune_webhook_events(p_limit integer, p_now timestamptz default null) returns bigint
language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_last record;
    v_pruned bigint;
begin
    perform prefer_indexes();
    -- Left by the last webhook: all else is collected within a second.
    delete from webhook_outbox o where o.at < v_now - interval '168 hours' and not exists (select from webhooks);
    select e.seq, e.recorded_at into v_last from (
        select o.seq, o.recorded_at from webhook_events o
         where o.recorded_at < v_now - interval '168 hours' order by o.recorded_at, o.seq limit p_limit) as e
     order by e.seq desc limit 1;
    if not found then
        return 0;
    end if;
    -- First, as all do who take both.
    update webhook_log set pruned_seq = v_last.seq, pruned_at = v_last.recorded_at;
    update webhooks set off_at = v_now, off_by = 'behind' where done_seq < v_last.seq and off_at is null;
    delete from webhook_deliveries where seq <= v_last.seq;
    delete from webhook_events where seq <= v_last.seq;
    get diagnostics v_pruned = row_count;
    return v_pruned;
end $$;
