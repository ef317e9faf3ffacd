-- Remove entries of the audit that are older than 400 days (9,600 hours), a year and some time to look into it: at most p_limit, the
-- oldest first. The rights are those of the owner, so that nothing else removes any; no p_now makes an entry old.
create or replace function prune_audit(p_limit integer, p_now timestamptz) returns bigint language plpgsql as $$
declare
    v_pruned bigint;
begin
    delete from audit where ctid = any (array(
        select a.ctid from audit a
         where a.at < least(p_now, clock_timestamp()) - interval '9600 hours' order by a.at limit p_limit));
    get diagnostics v_pruned = row_count;
    return v_pruned;
end $$;
