-- name: online_count
-- The database's time, and how many people and connections are online: null unless they are to be
-- counted, which reads every session.
-- $1 resource  $2 node (null: all)  $3 is_counted
with here as (
    select user_id, nodes from watching_times
     where $3::boolean and ended_at is null
       and ($1::text is null or resource = $1) and ($2::text is null or nodes ? $2)
)
select ms(now()) as server_now,
       case when $3 then (select count(*) from (select from here group by user_id) as person) end as users,
       case when $3 then (
           select count(*)
             from (select jsonb_object_keys(nodes -> node)
                     from (select nodes, jsonb_object_keys(nodes) as node from here) as each_node
                    where $2::text is null or node = $2) as connection) end as connections;
