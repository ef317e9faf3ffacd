-- A page as one row: its size, its last user and resource, the recipients
-- [[user_id, [[node, connection id], …], event], …], and how many pushes that makes.
create or replace function next_page(
    p_broadcast broadcasts, p_bonus bonuses, p_shard broadcast_shards, p_limit integer, p_tells boolean,
    p_now timestamptz, out size bigint, out user_id text, out resource text, out recipients jsonb,
    out pushes integer
) language sql as $$
    select count(*), (array_agg(user_id order by n desc))[1], (array_agg(resource order by n desc))[1],
           coalesce(jsonb_agg(jsonb_build_array(user_id, connections, event) order by n)
               filter (where connections <> '[]'), '[]'),
           coalesce(sum(jsonb_array_length(connections)), 0)::integer
      from read_page(p_broadcast, p_bonus, p_shard, p_limit, p_tells, p_now)
           with ordinality as read (user_id, resource, connections, event, n)
$$;
