-- name: record_nodes
-- Which nodes answered and which could not be reached. Returns node: those that are lost.
-- $1 reached  $2 unreachable  $3 grace
select node from record_nodes($1, $2, $3) as node;
