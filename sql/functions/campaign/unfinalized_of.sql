-- How long a user has watched for a campaign in sessions that are not finalized, open ones up to p_now: within p_times,
-- on p_resources (null: all), by the campaign's clock. A moment counts once, whatever the number of sessions, and not at
-- all if a past session has it, as that was recorded; with p_is_each once on each resource. It is inlined into its
-- caller, and planned there.
create or replace function unfinalized_of(
    p_user_id text, p_resources text[], p_times tstzmultirange, p_is_visible boolean, p_is_each boolean,
    p_now timestamptz
) returns table (watched interval) language sql stable rows 1 as $$
    select case when p_is_each then coalesce(each_length, '0') else length_of(times - coalesce(
               (select range_agg(counted_times(p.joined_at, p.ended_at, p.visible, p_is_visible))
                  from read_past(false) p
                 -- On one resource no two sessions overlap. As a pair: see add_watch_totals.
                 where cardinality(p_resources) is distinct from 1
                   and (p.user_id, p.ended_at) > (p_user_id, since) and p.user_id <= p_user_id
                   -- Not `= any`: an index would find all sessions of a resource.
                   and (p_resources is null or p_resources @> array[p.resource])), '{}')) end
      from (select range_agg(counted) as times, sum(length_of(counted)) as each_length, greatest(min(joined_at), lower(p_times)) as since
              from (select joined_at,
                           counted_times(joined_at, greatest(joined_at, coalesce(ended_at, p_now)),
                                         case when p_is_visible then shown_times(w) end, p_is_visible) * p_times as counted
                      from watching_times w
                     where user_id = p_user_id and (p_resources is null or resource = any (p_resources))) as theirs) as now
$$;
