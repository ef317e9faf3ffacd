-- Record which nodes the sweep reached and which not. Returns the nodes to evict: those of p_unreachable
-- that an earlier call found out of reach, the grace ago or longer, and none has reached since. A node that
-- new connections came through meanwhile is not evicted: then it is our way to it that is broken. A new
-- connection vouches for its node for ten minutes: the node may have died after that, and would keep all
-- its connections listed for hours.
create or replace function record_nodes(
    p_reached text[], p_unreachable text[], p_grace interval, p_now timestamptz default null
) returns setof text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    delete from unreachable_nodes u where u.node = any (p_reached);
    insert into unreachable_nodes (node, since)
        select distinct u.node, v_now from unnest(p_unreachable) as u(node)
        -- Since a moment that is still to come: the clock has gone back, so the grace begins now.
        on conflict (node) do update set since = v_now where unreachable_nodes.since > v_now;
    return query
        select u.node from unreachable_nodes u
         where u.node = any (p_unreachable) and u.since < v_now and u.since <= v_now - p_grace
           and not exists (select from watching_times w, connections(w.nodes) c
                            where w.nodes ? u.node and c.node = u.node
                              and c.opened_at > greatest(u.since, v_now - interval '10 minutes')
                              and c.opened_at <= v_now);
end $$;
