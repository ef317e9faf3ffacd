-- What all users watched in [p_from, p_to), for each period and resource, in one or more sums: from the roll-ups, and
-- of the time that they do not answer for from the sessions. They are of corrected sessions: without corrections, all comes
-- from the sessions.
create or replace function watch_time_of_all(
    p_from timestamptz, p_to timestamptz, p_period text, p_timezone text, p_by_resource boolean, p_resource text,
    p_now timestamptz, p_visible boolean, p_corrected boolean default true
) returns table (period timestamptz, resource text, sessions bigint, watched interval, uncertain interval)
language plpgsql stable as $$
#variable_conflict use_column
declare
    -- Up to where the last end may lie: an interval may end in the year 9999.
    v_starts constant timestamptz[] := period_starts(
        p_from, least(p_to, greatest(p_from, p_now) + interval '3 hours'), p_period, p_timezone);
    v_rolled_up constant tstzmultirange := case when p_corrected
        then coalesce(rolled_up(p_from, p_to, p_now, v_starts), '{}') else '{}' end;
    v_by constant text[] := case when p_by_resource then '{resource}'::text[] else '{}' end;
    -- On one resource a user has one session at a time.
    v_is_once constant boolean := not p_by_resource and p_resource is null;
    v_shared text[];
    v_rest tstzrange;
begin
    return query
        select r.period, r.resource, r.sessions, r.watched, r.uncertain
          from sums_of_rollups(v_rolled_up, p_from, v_starts, p_by_resource, p_resource, p_visible) as r;
    if lower(v_rolled_up) > p_from then
        return query
            select v_starts[1], case when p_by_resource then a.resource end, -count(*), interval '0', interval '0'
              from away_across(p_from, p_now, p_visible) a
             where a.back_at <@ v_rolled_up and (v_starts[2] is null or a.back_at < v_starts[2])
               and (p_resource is null or a.resource = p_resource)
             group by 2;
    end if;
    for v_rest in select unnest(tstzmultirange(tstzrange(p_from, p_to)) - v_rolled_up) loop
        if exists (select from watching_times where joined_at < upper(v_rest)) then
            v_shared := case when v_is_once then shared_users(lower(v_rest), upper(v_rest), p_corrected) else '{}' end;
        end if;
        return query
            select s.period, s.resource, s.sessions, s.watched, s.uncertain
              from sums_of_sessions(lower(v_rest), upper(v_rest), p_now, p_from, v_starts, v_by, null, p_resource,
                                    p_visible, p_corrected, v_shared) as s;
    end loop;
end $$;
