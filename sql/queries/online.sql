-- name: online
-- Who is online: one page, in order of user and resource. connections: through $2, if it is given.
-- $1 resource  $2 node (null: all)  $3 after_user_id  $4 after_resource ('' and '' from the start)
-- $5 limit
select w.user_id, w.resource, ms(coalesce(w.began_at, w.joined_at)) as joined_at,
       (select count(*) from connections(w.nodes) c where $2::text is null or c.node = $2) as connections
  from watching_times w
 where w.ended_at is null
   and ($1::text is null or w.resource = $1)
   and ($2::text is null or w.nodes ? $2)
   and (w.user_id, w.resource) > ($3, $4)
 order by w.user_id, w.resource
 limit $5;
