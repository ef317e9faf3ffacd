-- The connections of a session, one row each.
create or replace function connections(p_nodes jsonb)
returns table (
    node text, connection_id text, opened_at timestamptz, device text, seen_at timestamptz,
    ticket_id text
) language sql immutable rows 2 as $$
    select n.key, c.key, to_timestamp((c.value ->> 'at')::float8), c.value ->> 'device',
           to_timestamp((c.value ->> 'seen')::float8), c.value ->> 'ticket'
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
$$;

-- Add a connection to a session's set. p_connection is what we know of it: {"at": when it opened, epoch
-- seconds; "ticket": the id of the ticket that opened it; "until": when that expires; "device": its label,
-- if any; "since": when it came, if by a `watch`; "seen": its last evidence, while it does not answer the
-- sweep; of its visibility "hidden": true while it is; "shown": since when it has been visible, if not since it
-- came; "said": the number of its last report, "heard": when that came;
-- "told": a webhook wanted to be told of connections when it opened}.
create or replace function with_connection(
    p_nodes jsonb, p_node text, p_connection_id text, p_connection jsonb
) returns jsonb language sql stable as $$
    select p_nodes || jsonb_build_object(p_node, coalesce(p_nodes -> p_node, '{}')
        || jsonb_build_object(p_connection_id, p_connection))
$$;

-- Remove a connection from a session's set.
create or replace function without_connection(p_nodes jsonb, p_node text, p_connection_id text)
returns jsonb language sql stable as $$
    select case when (p_nodes -> p_node) - p_connection_id = '{}' then p_nodes - p_node
                else jsonb_set(p_nodes, array[p_node], (p_nodes -> p_node) - p_connection_id) end
$$;

-- How many connections a session has.
create or replace function size(p_nodes jsonb) returns integer
language sql immutable as $$ select jsonb_array_length(jsonb_path_query_array(p_nodes, '$.*.*')) $$;
