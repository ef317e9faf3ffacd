-- name: claims
-- Who has claimed a bonus, by their id, and what became of it: pending, fulfilled or rejected.
-- $1 bonus_id  $2 prefix (of the id; '': any)  $3 after_user_id ('': from the start)  $4 limit
select c.user_id, ms(c.claimed_at) as claimed_at, state_of(p.in_force) as state
  from claims c
       left join lateral (select o as in_force from payouts o
                           where o.bonus_id = c.bonus_id and o.user_id = c.user_id
                           order by o.revision desc limit 1) as p on true
 where c.bonus_id = $1 and c.user_id > $3 and c.user_id >= $2 and starts_with(c.user_id, $2)
 order by c.user_id limit $4;
