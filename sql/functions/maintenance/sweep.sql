-- The next page of open sessions, for one run of the sweep: runs that overlap get different ones. A page that is
-- not finished after two minutes is handed out again: its run has ended (SweepFunction in template.yaml has less).
-- After the last page a new cycle begins. One row:
--   cycle_started_at, page  for `finish_sweep_page`, once all of this page has been looked up
--   has_more          the cycle is not over
--   connections       [[user_id, node, connection_id, is_expired, is_suspect], …] older than a minute;
--                     expired: two hours old, so API Gateway has ended it; suspect: see `suspect`
create or replace function sweep(p_limit integer, p_now timestamptz default null)
returns table (cycle_started_at timestamptz, page integer, has_more boolean, connections jsonb)
language plpgsql as $$
#variable_conflict use_column
declare
    v_cursor sweep_cursor;
    v_page sweep_pages;
    v_now timestamptz;
    v_opened_before timestamptz;
begin
    perform prefer_indexes();
    select * into v_cursor from sweep_cursor for update;
    v_now := coalesce(p_now, clock_timestamp());
    v_opened_before := v_now - interval '1 minute';
    -- The release before this one notes there what it has finished.
    perform finish_sweep_page(v_cursor.cycle_started_at, v_cursor.pages_asked, v_now);
    update sweep_pages set listed_at = v_now
     where (cycle_started_at, page) = (
               select s.cycle_started_at, s.page from sweep_pages s
                where s.listed_at not between v_now - interval '2 minutes' and v_now
                order by s.cycle_started_at, s.page limit 1)
    returning * into v_page;
    has_more := found;
    if found then
        -- Not the crowd that has come since: the next cycle looks it up.
        v_opened_before := least(v_opened_before, v_page.cycle_started_at);
    else
        v_page := next_sweep_page(v_cursor, p_limit, v_now);
        has_more := (select not c.is_listed from sweep_cursor c);
    end if;
    cycle_started_at := v_page.cycle_started_at;
    page := v_page.page;
    connections := (
        select coalesce(jsonb_agg(jsonb_build_array(
                   w.user_id, c.node, c.connection_id, v_now > c.opened_at + interval '2 hours',
                   c.seen_at is not null)), '[]')
          from watching_times w, connections(w.nodes) c
         where (w.user_id, w.resource) > (v_page.after_user_id, v_page.after_resource)
           and (w.user_id, w.resource) <= (v_page.until_user_id, v_page.until_resource)
           and (c.opened_at < v_opened_before or c.opened_at > v_now));
    return next;
end $$;

-- Move the cursor past its next page, and note that this is under way. The caller has locked the cursor.
create or replace function next_sweep_page(p_cursor sweep_cursor, p_limit integer, p_now timestamptz)
returns sweep_pages language plpgsql as $$
declare
    v_page sweep_pages;
    v_has_more boolean;
begin
    if p_cursor.user_id = '' then
        -- Of the cycle before, pages may still be finished: unless it had to begin again before its end, or began later
        -- than now, before the clock went back.
        delete from sweep_pages
         where cycle_started_at <> p_cursor.cycle_started_at or not p_cursor.is_listed or cycle_started_at >= p_now;
        p_cursor.cycle_started_at := p_now;
        p_cursor.pages_listed := 0;
        p_cursor.pages_asked := 0;
    end if;
    v_page.cycle_started_at := p_cursor.cycle_started_at;
    v_page.page := p_cursor.pages_listed + 1;
    v_page.after_user_id := p_cursor.user_id;
    v_page.after_resource := p_cursor.resource;
    v_page.listed_at := p_now;
    select count(*) = p_limit,
           coalesce((array_agg(w.user_id order by w.user_id desc, w.resource desc))[1], ''),
           coalesce((array_agg(w.resource order by w.user_id desc, w.resource desc))[1], '')
      into v_has_more, v_page.until_user_id, v_page.until_resource
      from (select user_id, resource from watching_times
             where (user_id, resource) > (p_cursor.user_id, p_cursor.resource)
             order by user_id, resource limit p_limit) as w;
    insert into sweep_pages values (v_page.*);
    update sweep_cursor
       set user_id = case when v_has_more then v_page.until_user_id else '' end,
           resource = case when v_has_more then v_page.until_resource else '' end,
           cycle_started_at = v_page.cycle_started_at, pages_listed = v_page.page,
           pages_asked = p_cursor.pages_asked, is_listed = not v_has_more;
    return v_page;
end $$;

-- Every connection of a page has been looked up, and what was gone is forgotten. A cycle is whole when all its pages
-- have been finished, in whatever order; then it is evidence for what it found alive: see `last_evidence`. Said twice,
-- or of a cycle that no page is missing of any more, this changes nothing.
create or replace function finish_sweep_page(
    p_cycle_started_at timestamptz, p_page integer, p_now timestamptz default null
) returns void language plpgsql as $$
declare
    v_cursor sweep_cursor;
begin
    select * into v_cursor from sweep_cursor for update;
    delete from sweep_pages
     where cycle_started_at = p_cycle_started_at
       and (page = p_page or cycle_started_at = v_cursor.cycle_started_at and page <= v_cursor.pages_asked);
    if found and (v_cursor.is_listed or p_cycle_started_at <> v_cursor.cycle_started_at)
       and not exists (select from sweep_pages where cycle_started_at = p_cycle_started_at) then
        -- A cycle that began later than now began before the clock went back.
        update sweep_cursor set probed_since = p_cycle_started_at
         where p_cycle_started_at <= coalesce(p_now, clock_timestamp());
        -- The cycle before, if it is not whole by now, is no longer waited for.
        delete from sweep_pages where cycle_started_at <> v_cursor.cycle_started_at;
    end if;
end $$;
