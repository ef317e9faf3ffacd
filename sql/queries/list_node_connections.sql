-- name: list_node_connections
-- The next connections through a node that is lost, by user: user_id, resource, connection_id.
-- $1 node  $2 after_user_id  $3 after_resource ('' and '' from the start)  $4 limit (sessions)
select page.user_id, page.resource, jsonb_object_keys(page.nodes -> $1) as connection_id
  from (select w.user_id, w.resource, w.nodes from watching_times w
         where w.nodes ? $1 and (w.user_id, w.resource) > ($2, $3)
         order by w.user_id, w.resource limit $4) as page
 order by page.user_id, page.resource;
