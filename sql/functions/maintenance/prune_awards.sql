-- Remove the progress and the awards of rules that have ended, at most p_limit of each. Returns how many awards.
create or replace function prune_awards(p_limit integer) returns bigint language sql as $$
    with over as (
        select rule_id from award_rules where ended_at is not null
    ),
    progress as (
        delete from award_progress where ctid = any (array(
            select p.ctid from over o join award_progress p using (rule_id) limit p_limit))
        returning 1
    ),
    pruned as (
        delete from awards where ctid = any (array(
            select a.ctid from over o join awards a using (rule_id) limit p_limit))
        returning 1
    )
    select greatest((select count(*) from progress), (select count(*) from pruned))
$$;
