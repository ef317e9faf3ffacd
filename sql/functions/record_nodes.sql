-- Which nodes the sweep could reach and which not. Returns those of p_unreachable that are lost: found
-- out of reach by an earlier call, the grace ago or longer, and by none since; and nobody has come in
-- through them meanwhile (then the way to them is broken, and not they). Who came in speaks for the
-- node for ten minutes: it may have died after that, and would hold all its connections for hours.
create or replace function record_nodes(
    p_reached text[], p_unreachable text[], p_grace interval, p_now timestamptz default null
) returns setof text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    delete from unreachable_nodes u where u.node = any (p_reached);
    insert into unreachable_nodes (node, since)
        select distinct u.node, v_now from unnest(p_unreachable) as u(node)
        on conflict (node) do nothing;
    return query
        select u.node from unreachable_nodes u
         where u.node = any (p_unreachable) and u.since < v_now and u.since <= v_now - p_grace
           and not exists (select from watching_times w, connections(w.nodes) c
                            where w.nodes ? u.node and c.node = u.node
                              and c.opened_at > greatest(u.since, v_now - interval '10 minutes'));
end $$;
