-- Remove the streams that had no event for p_keep_months whole months (UTC), with their states, at most p_limit.
-- Returns how many. A stream stays as long as one of its events does: the next stream of its user begins with 1, and
-- must meet none of them.
create or replace function prune_streams(
    p_keep_months integer, p_limit integer, p_now timestamptz default null
) returns bigint language plpgsql as $$
declare
    v_before date := month_of(coalesce(p_now, clock_timestamp())) - p_keep_months * interval '1 month';
    v_pruned bigint;
begin
    perform prefer_indexes();
    delete from user_streams s
     where s.last_month < v_before and s.user_id = any (array(
         select i.user_id from user_streams i
          where i.last_month < v_before and not exists (select from user_events e where e.user_id = i.user_id)
          order by i.last_month limit p_limit));
    get diagnostics v_pruned = row_count;
    return v_pruned;
end $$;
