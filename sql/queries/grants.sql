-- name: grants
-- Granted claims in an order that a payout service can follow: none twice and none missed, since no row
-- appears before one that has been read. A transaction that is still running holds back the rows after it.
-- Returns epoch (of the database: xids are its own), xid, grant_id, bonus_id,
-- user_id, claim_id, reward, claimed_at.
-- $1 after_xid  $2 after_grant_id  (0, 0: from the start)
-- $3 begins  $4 ends ('-infinity' and 'infinity': all)  $5 limit (null: all)
select e.epoch::text, l.xid, l.id as grant_id, l.bonus_id, l.user_id, c.claim_id, b.reward,
       ms(l.at) as claimed_at
  from stream_epoch e, ledger l
       join claims c on c.bonus_id = l.bonus_id and c.user_id = l.user_id
       join bonuses b on b.bonus_id = l.bonus_id
 where l.entry = 'claimed' and (l.xid, l.id) > ($1, $2)
   and l.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
   and l.at >= $3 and l.at < $4
 order by l.xid, l.id limit $5;
