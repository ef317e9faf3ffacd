-- name: online_counts
-- How many are online, exactly: counted_at, users, connections, and as JSON the $1 resources with the
-- most connections and the $1 nodes with the most: [{resource, users, connections}, …], [{node,
-- connections}, …].
-- $1 limit
-- Sets are opened by functions in the list of columns: those of `connections` take ten times as long.
with held as materialized (
    select resource, node, count(*) as connections
      from (select resource, node, jsonb_object_keys(nodes -> node)
              from (select resource, nodes, jsonb_object_keys(nodes) as node
                      from watching_times where ended_at is null) as each_node) as connection
     group by resource, node
),
-- One look for two counts. A user is on a resource once.
people as materialized (
    select resource, count(*) as rows from watching_times where ended_at is null
     group by grouping sets ((user_id), (resource))
),
resources as (
    select p.resource, p.rows as users, h.connections
      from people p join (select resource, sum(connections)::bigint as connections
                            from held group by resource) as h using (resource)
     order by h.connections desc, p.resource limit $1
),
nodes as (
    select node, sum(connections)::bigint as connections from held
     group by node order by 2 desc, node limit $1
)
select ms(now()) as counted_at,
       (select count(*) from people where resource is null) as users,
       (select coalesce(sum(connections), 0)::bigint from held) as connections,
       (select coalesce(json_agg(r), '[]') from resources r) as resources,
       (select coalesce(json_agg(n), '[]') from nodes n) as nodes;
