-- name: unreachable_nodes
-- The nodes that could not be reached when they were last asked.
select node from unreachable_nodes order by node limit 100;
