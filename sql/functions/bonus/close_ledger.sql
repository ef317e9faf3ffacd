-- Write the last entries of a bonus' ledger: 'cancelled' or 'expired', for the bonus and for each of its
-- offers that was not claimed. The caller holds the bonus' lock, so no claim is running.
create or replace function close_ledger(p_bonus_id uuid, p_entry text, p_at timestamptz)
returns void language sql as $$
    with closed as (
        update bonuses set ledger_closed_at = p_at where bonus_id = p_bonus_id returning *
    )
    insert into ledger (bonus_id, user_id, entry, at, audience, resource)
        select bonus_id, null, p_entry, p_at, nullif(audience, 'users'), resource from closed
        union all
        select o.bonus_id, o.user_id, p_entry, p_at, null, null from offers o
         where o.bonus_id = p_bonus_id
           -- One by one: a join could go through all claims of the bonus for each offer.
           and (select true from claims c where c.bonus_id = o.bonus_id and c.user_id = o.user_id) is null
$$;
