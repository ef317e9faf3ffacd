-- name: online
-- Who is online: one page, in order of user and resource.
-- $1 resource (null: all)  $2 after_user_id  $3 after_resource ('' and '' from the start)  $4 limit
select w.user_id, w.resource, ms(w.join_at) as joined_at,
       (select count(*) from connections(w.nodes)) as connections
  from watching_times w
 where w.terminate_at is null
   and ($1::text is null or w.resource = $1)
   and (w.user_id, w.resource) > ($2, $3)
 order by w.user_id, w.resource
 limit $4;
