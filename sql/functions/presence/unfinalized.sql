-- How long a user has watched a resource (null: anything) since p_from in sessions that are not finalized, open
-- ones up to p_now. Time belongs to a person: a moment counts once, whatever the number of sessions, and not
-- at all if a past session has it: as those were corrected, or as they were recorded. With p_visible only what was
-- visible. It is inlined into its caller, and planned there.
create or replace function unfinalized(
    p_user_id text, p_resource text, p_from timestamptz, p_now timestamptz, p_corrected boolean default true,
    p_visible boolean default false
) returns table (watched interval) language sql stable rows 1 as $$
    select length_of(times - coalesce(
               (select range_agg(counted_times(p.joined_at, p.ended_at, p.visible, p_visible))
                  from read_past(p_corrected) p
                 -- On one resource no two sessions overlap. As a pair: see add_watch_totals.
                 where p_resource is null
                   and (p.user_id, p.ended_at) > (p_user_id, since) and p.user_id <= p_user_id), '{}'))
      from (select range_agg(counted_times(starts_at, greatest(starts_at, ends_at), shown, p_visible)) as times,
                   min(starts_at) as since
              from (select greatest(joined_at, p_from) as starts_at, coalesce(ended_at, p_now) as ends_at,
                           case when p_visible then shown_times(w) end as shown
                      from watching_times w
                     where user_id = p_user_id and (p_resource is null or resource = p_resource)) as theirs) as now
$$;
