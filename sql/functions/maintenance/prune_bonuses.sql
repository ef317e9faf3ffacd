-- Remove grants whose bonus ended before p_before, with their payouts, in the order in which they are read, and record up to
-- where; then the bonuses that ended before p_before and of which nothing else is left. At most p_limit of each.
-- A grant waits for those before it, so what is left has no gap. A bonus that is said to end later than a
-- window can last was made while the clock was wrong: no grant waits for its.
create or replace function prune_bonuses(
    p_before timestamptz, p_limit integer, p_now timestamptz, out grants bigint, out bonuses bigint
) language plpgsql as $$
declare
    c_longest_window constant interval := '720 hours';
    v_until record;
begin
    -- Bonuses by subqueries, one for each grant: a join might read all of them.
    select o.xid, o.grant_id into v_until from (
        select c.xid, c.grant_id, c.ends_at,
               bool_and(c.ends_at < p_before or c.ends_at > p_now + c_longest_window)
                   over (order by c.xid, c.grant_id) as is_first
          from (select g.xid, g.grant_id,
                       (select b.expires_at from bonuses b where b.bonus_id = g.bonus_id) as ends_at
                  from claims g order by g.xid, g.grant_id limit p_limit) as c) as o
     where o.ends_at < p_before and o.is_first
     order by o.xid desc, o.grant_id desc limit 1;
    with gone as (
        delete from claims g
         where (g.xid, g.grant_id) <= (v_until.xid, v_until.grant_id)
           and (select b.expires_at from bonuses b where b.bonus_id = g.bonus_id) < p_before
        returning g.bonus_id, g.user_id
    ),
    with_them as (
        -- One by one: a join might read all payouts.
        delete from payouts where ctid = any (array(
            select p.ctid from gone g cross join lateral (
                   select o.ctid from payouts o where o.bonus_id = g.bonus_id and o.user_id = g.user_id) as p))
    )
    select count(*) into grants from gone;
    update grant_log set pruned_xid = v_until.xid, pruned_grant_id = v_until.grant_id
     where (v_until.xid, v_until.grant_id) > (pruned_xid, pruned_grant_id);
    delete from bonuses where bonus_id = any (array(
        select o.bonus_id from (select b.bonus_id from bonuses b
                                 where b.expires_at < p_before and b.ledger_closed_at is not null
                                 order by b.expires_at limit p_limit) as o
         where not coalesce((select true from claims c where c.bonus_id = o.bonus_id limit 1), false)
           and not coalesce((select true from offers f where f.bonus_id = o.bonus_id limit 1), false)
           and not coalesce((select true from broadcasts r where r.bonus_id = o.bonus_id limit 1), false)));
    get diagnostics bonuses = row_count;
end $$;
