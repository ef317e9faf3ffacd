-- How many connections a user has, on all resources.
create or replace function count_connections(p_user_id text) returns bigint
language sql stable as $$
    select coalesce(sum(size(nodes)), 0)
      from watching_times where user_id = p_user_id
$$;

-- Every open connection of a user, on all resources, as [[node, connection id], …].
create or replace function connections_of(p_user_id text) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_array(c.node, c.connection_id)), '[]')
      from watching_times w, connections(w.nodes) c
     where w.user_id = p_user_id and w.ended_at is null
$$;
