-- name: suspect
-- Connections that did not answer the sweep, or do again.
-- $1 user_ids  $2 nodes  $3 connection_ids  $4 is_suspect  (arrays, in step)
select suspect($1, $2, $3, $4);
