-- Remove broadcasts whose end is before p_before, the oldest first, and with them the offers and the stock of
-- their bonuses: nothing asks for these after the end. A bonus whose ledger is not closed yet keeps its offers.
-- Removes at most p_limit offers; the broadcasts go with the last of them.
create or replace function prune_broadcasts(
    p_before timestamptz, p_limit integer, out offers bigint, out broadcasts bigint
) language plpgsql as $$
declare
    v_broadcast_ids uuid[];
    v_bonus_ids uuid[];
begin
    select array_agg(broadcast_id), array_agg(bonus_id) into v_broadcast_ids, v_bonus_ids from (
        select r.broadcast_id, r.bonus_id
          from broadcasts r left join bonuses b on b.bonus_id = r.bonus_id
         where r.expires_at < p_before and (b.bonus_id is null or b.ledger_closed_at is not null)
         order by r.expires_at limit p_limit) as over;
    -- Bonus by bonus, along the index: a join might read all offers.
    delete from offers where ctid = any (array(
        select o.ctid from unnest(v_bonus_ids) as over(bonus_id)
               cross join lateral (select f.ctid from offers f where f.bonus_id = over.bonus_id
                                    limit p_limit) as o
         limit p_limit));
    get diagnostics offers = row_count;
    broadcasts := 0;
    if offers < p_limit then
        delete from bonus_stock where bonus_id = any (v_bonus_ids);
        delete from broadcasts where broadcast_id = any (v_broadcast_ids);
        get diagnostics broadcasts = row_count;
    end if;
end $$;
