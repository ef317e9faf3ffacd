-- name: ledger
-- The ledger of a user, newest first: what they alone were offered, what they have claimed, and what became of it. What is
-- for everyone or for a resource is not in it.
-- $1 user_id  $2 before_id  $3 limit
select l.id, l.entry, l.bonus_id, b.reward::text as reward, ms(l.at) as at, p.reason
  from ledger l
       join bonuses b using (bonus_id)
       left join payouts p on p.bonus_id = l.bonus_id and p.user_id = l.user_id and p.revision = l.payout_revision
 where l.user_id = $1 and l.id < $2
 order by l.id desc limit $3;
