-- name: claim_counts
-- How fast a bonus was claimed: for each step from its opening up to the last claim, at (the step begins) and the claims
-- within it. Steps are as long as up to 120 of them take, in whole seconds. No row: no claim, or no such bonus.
-- $1 bonus_id
with each as (
    select greatest(0, floor(extract(epoch from c.claimed_at - b.opens_at)))::integer as second, count(*) as claims
      from bonuses b join claims c on c.bonus_id = b.bonus_id where b.bonus_id = $1 group by 1
), length as (
    select coalesce(min(s), 86400) as step_seconds
      from unnest(array[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200]) as s
     where s * 120 > (select max(second) from each)
)
select ms(b.opens_at) + 1000::bigint * step_seconds * n as at, coalesce(sum(each.claims), 0)::bigint as claims, step_seconds
  from bonuses b cross join length cross join lateral generate_series(0, (select max(second) from each) / step_seconds) as n
       left join each on each.second / step_seconds = n
 where b.bonus_id = $1
 group by b.opens_at, step_seconds, n order by n;
