-- Remove the awards of sessions that are over for good, at most p_limit sessions: one that is open or within its
-- grace keeps its last award, which says when the next one is due, for as long as it lasts. Returns how many.
-- A difference of sets: whatever the planner expects, neither is read more than once.
create or replace function prune_awards(p_limit integer) returns bigint language sql as $$
    with pruned as (
        delete from awards where session_id = any (array(
            select session_id from awards except select id from watching_times limit p_limit))
        returning 1
    )
    select count(*) from pruned
$$;
