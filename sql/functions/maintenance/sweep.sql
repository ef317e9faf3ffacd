-- The next page of open sessions; moves the cursor past it. After the last page a new cycle begins.
-- Sweeps that overlap get different pages: the cursor's row is locked. One row:
--   cycle_started_at, page  for `finish_sweep_page`, once all of this page has been looked up
--   has_more          the cycle is not over
--   connections       [[user_id, node, connection_id, is_expired, is_suspect], …] older than a minute;
--                     expired: two hours old, so API Gateway has ended it; suspect: see `suspect`
create or replace function sweep(p_limit integer, p_now timestamptz default null)
returns table (cycle_started_at timestamptz, page integer, has_more boolean, connections jsonb)
language plpgsql as $$
declare
    v_cursor sweep_cursor;
    v_now timestamptz;
begin
    select * into v_cursor from sweep_cursor for update;
    v_now := coalesce(p_now, clock_timestamp());
    if v_cursor.user_id = '' then
        -- A cycle that began later than now began before the clock went back.
        if v_cursor.pages_asked = v_cursor.pages_listed and v_cursor.cycle_started_at <= v_now then
            v_cursor.probed_since := v_cursor.cycle_started_at;
        end if;
        v_cursor.cycle_started_at := v_now;
        v_cursor.pages_listed := 0;
        v_cursor.pages_asked := 0;
    end if;
    with page as materialized (
        select w.user_id, w.resource, w.nodes from watching_times w
         where (w.user_id, w.resource) > (v_cursor.user_id, v_cursor.resource)
         order by w.user_id, w.resource limit p_limit
    ),
    listed as (
        select jsonb_agg(jsonb_build_array(
                   p.user_id, c.node, c.connection_id, v_now > c.opened_at + interval '2 hours',
                   c.seen_at is not null)) as connections
          from page p, connections(p.nodes) c
         where c.opened_at < v_now - interval '1 minute' or c.opened_at > v_now
    )
    select count(*) = p_limit, coalesce((select l.connections from listed l), '[]'),
           coalesce((array_agg(p.user_id order by p.user_id desc, p.resource desc))[1], ''),
           coalesce((array_agg(p.resource order by p.user_id desc, p.resource desc))[1], '')
      into has_more, connections, v_cursor.user_id, v_cursor.resource
      from page p;
    update sweep_cursor
       set user_id = case when has_more then v_cursor.user_id else '' end,
           resource = case when has_more then v_cursor.resource else '' end,
           cycle_started_at = v_cursor.cycle_started_at,
           pages_listed = v_cursor.pages_listed + 1,
           pages_asked = v_cursor.pages_asked,
           probed_since = v_cursor.probed_since;
    cycle_started_at := v_cursor.cycle_started_at;
    page := v_cursor.pages_listed + 1;
    return next;
end $$;
