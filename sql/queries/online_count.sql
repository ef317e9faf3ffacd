-- name: online_count
-- The database's time, and how many people and connections are online: null unless they are to be
-- counted, which looks at everyone.
-- $1 resource (null: all)  $2 counted
select ms(clock_timestamp()) as server_now, people.users, people.connections
  from (values (1)) as one
       left join (
           select count(*) as users, coalesce(sum(connections), 0)::bigint as connections
             from (select sum((select count(*) from connections(nodes))) as connections
                     from watching_times
                    where $2::boolean and terminate_at is null and ($1::text is null or resource = $1)
                    group by user_id) as person
       ) as people on $2::boolean;
