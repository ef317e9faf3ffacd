-- Remove draws whose bonus ended before p_before, at most p_limit candidates; a draw goes with the last of them.
-- Returns how many candidates.
create or replace function prune_draws(p_before timestamptz, p_limit integer) returns bigint language plpgsql as $$
declare
    v_over uuid[] := array(
        select d.bonus_id from draws d
         where coalesce((select b.expires_at from bonuses b where b.bonus_id = d.bonus_id), '-infinity') < p_before
         limit p_limit);
    v_count bigint;
begin
    -- Draw by draw, along the index: a join might read all candidates.
    delete from draw_candidates where ctid = any (array(
        select o.ctid from unnest(v_over) as over(bonus_id)
               cross join lateral (select c.ctid from draw_candidates c where c.bonus_id = over.bonus_id
                                    limit p_limit) as o
         limit p_limit));
    get diagnostics v_count = row_count;
    if v_count < p_limit then
        delete from draws where bonus_id = any (v_over);
    end if;
    return v_count;
end $$;
