-- name: grants
-- Granted claims in an order that a payout service can follow: none twice and none missed, since no row
-- appears before one that has been read. A transaction that is still running holds back the rows after it.
-- Returns epoch (of the database: xids are its own), xid, grant_id, bonus_id,
-- user_id, claim_id, reward, claimed_at, state, payout (the one in force).
-- $1 after_xid  $2 after_grant_id  (0, 0: from the start)
-- $3 begins  $4 ends ('-infinity' and 'infinity': all)  $5 limit (null: all)
select e.epoch::text, c.xid, c.grant_id, c.bonus_id, c.user_id, c.claim_id, b.reward,
       ms(c.claimed_at) as claimed_at, state_of(p.in_force) as state, payout_json(p.in_force) as payout
  from stream_epoch e, claims c join bonuses b on b.bonus_id = c.bonus_id
       left join lateral (select o as in_force from payouts o
                           where o.bonus_id = c.bonus_id and o.user_id = c.user_id
                           order by o.revision desc limit 1) as p on true
 where (c.xid, c.grant_id) > ($1, $2)
   and c.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
   and c.claimed_at >= $3 and c.claimed_at < $4
 order by c.xid, c.grant_id limit $5;
