-- name: online_count
-- How many people and how many connections are online, and the database's time.
-- $1 resource (null: all)
select count(distinct user_id) as users,
       coalesce(sum((select count(*) from connections(nodes))), 0)::bigint as connections,
       ms(clock_timestamp()) as server_now
  from watching_times
 where terminate_at is null and ($1::text is null or resource = $1);
