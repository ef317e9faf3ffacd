-- Mark connections that did not answer the sweep, or (p_is_suspect false) that answer again. A finished
-- cycle is no evidence for a suspect connection, so its last evidence is stored with it. One per position
-- of the arrays. Users are locked in the order of `forget`.
create or replace function suspect(
    p_user_ids text[], p_nodes text[], p_connection_ids text[], p_is_suspect boolean[]
) returns void language plpgsql as $$
declare
    v_one record;
begin
    for v_one in
        select * from unnest(p_user_ids, p_nodes, p_connection_ids, p_is_suspect)
            as d(user_id, node, connection_id, is_suspect)
         order by d.user_id
    loop
        perform lock_user(v_one.user_id, null);
        update watching_times w
           set nodes = with_connection(
               w.nodes, v_one.node, v_one.connection_id,
               case when v_one.is_suspect
                    then (w.nodes -> v_one.node -> v_one.connection_id) || jsonb_build_object(
                         'seen', extract(epoch from last_evidence(c.opened_at, c.seen_at, clock_timestamp()))::numeric(14, 3))
                    else (w.nodes -> v_one.node -> v_one.connection_id) - 'seen' end)
          from watching_times o, connections(o.nodes) c
         where o.user_id = w.user_id and o.resource = w.resource
           and w.user_id = v_one.user_id and c.node = v_one.node
           and c.connection_id = v_one.connection_id;
    end loop;
end $$;
