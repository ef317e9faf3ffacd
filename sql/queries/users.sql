-- name: users
-- Users whose id begins with $1, by their id: those who are here, and those whose watch time is kept. It looks at 1,000 ids
-- at most: these are all of them where ids are sorted by their bytes (locale C).
-- $1 prefix  $2 after_user_id ('': from the start)  $3 limit
with recursive each_user as (
    select $2::text as user_id, 0 as looked, 0 as found
    union all
    select following.user_id, e.looked + 1, e.found + coalesce(starts_with(following.user_id, $1), false)::integer
      from each_user e,
           lateral (select least(
               (select w.user_id::text from watching_times w where w.user_id > e.user_id and w.user_id >= $1
                 order by w.user_id limit 1),
               (select t.user_id from watch_totals t where t.user_id > e.user_id and t.user_id >= $1
                 order by t.user_id limit 1)) as user_id) as following
     where e.user_id is not null and e.looked < 1000 and e.found < $3
)
select e.user_id, exists (select from watching_times w where w.user_id = e.user_id and w.ended_at is null) as is_online
  from each_user e
 where e.looked > 0 and starts_with(e.user_id, $1)
 order by e.user_id;
