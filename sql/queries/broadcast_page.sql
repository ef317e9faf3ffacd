-- name: broadcast_page
-- A worker's next page of a broadcast, and its report of the last; see sql/functions/broadcast/broadcast_page.sql.
-- $1 broadcast_id  $2 round  $3 worker  $4 limit  $5 pushes per second, of all workers together
-- $6 shard and  $7 page of the last page (null: none)  $8 sent  $9 gone  $10 undelivered  $11 dropped
select * from broadcast_page($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);
