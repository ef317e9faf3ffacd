-- name: cancel_bonus
-- No claim that begins after this is granted; what was granted stays. Twice changes nothing.
-- $1 bonus_id
with cancelled as (
    update bonuses set cancelled_at = clock_timestamp()
     where bonus_id = $1 and cancelled_at is null
    returning bonus_id, cancelled_at
)
insert into ledger (bonus_id, entry, at) select bonus_id, 'cancelled', cancelled_at from cancelled;
