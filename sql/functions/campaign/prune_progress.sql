-- Remove the progress of campaigns that were settled a month ago, at most p_limit rows. Returns how many.
create or replace function prune_progress(p_limit integer, p_now timestamptz) returns bigint language sql as $$
    with pruned as (
        delete from campaign_progress where ctid = any (array(
            select p.ctid from campaigns c join campaign_progress p using (campaign_id)
             where c.settled_at < p_now - interval '720 hours' limit p_limit))
        returning 1
    )
    select count(*) from pruned
$$;
