-- Open sessions of all users but p_shared that cross [p_from, p_to), in sums by the period of p_starts in which they begin there:
-- what `summed` in sums_of_sessions, of which this is a part, has of them. All go on up to the same moment, so only their
-- starts differ. On the visible clock only those that were visible all the time: clips_between has the others.
create or replace function sums_of_open(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_begins timestamptz, p_starts timestamptz[], p_by_resource boolean,
    p_resource text, p_visible boolean, p_shared text[]
) returns table (
    resource text, first timestamptz, last timestamptz, is_counted_before boolean, sessions bigint, before interval,
    after interval
) language sql stable rows 1000 as $$
    select resource, p_starts[n], p_starts[last_n], key < 0, sessions,
           after_from - multiply(p_starts[n] - p_from, sessions), multiply(least(p_now, p_to) - p_starts[last_n], sessions)
      -- One key says both, the period and whether it is counted before: each more would take as long as the sum.
      from (select case when p_by_resource then resource end as resource,
                   case when joined_at >= p_from and away_since is null then n
                        when away_since > greatest(p_begins, p_starts[n])
                          or (joined_at < p_from and p_from > greatest(p_begins, p_starts[n])) then -n
                        else n end as key,
                   count(*) as sessions, sum(starts_at - p_from) as after_from
              from (select resource, joined_at, away_since, starts_at, width_bucket(starts_at, p_starts) as n
                      from (select *, greatest(joined_at, p_from) as starts_at from watching_times) as w
                     where ended_at is null and (not p_visible or visible is null) and joined_at < p_to
                       and (p_resource is null or resource = p_resource)
                       and (p_shared = '{}' or user_id::text <> all (p_shared))
                       -- One that begins now has no length yet, and counts.
                       and ((joined_at < p_now and p_from < least(p_now, p_to))
                            or (joined_at = p_now and joined_at >= p_from and not p_visible))) as open
             group by 1, 2) as s,
           lateral (select abs(key) as n) as place,
           lateral (select width_bucket(greatest(p_starts[n], least(p_now, p_to) - interval '1 microsecond'), p_starts)
                        as last_n) as goes_on
$$;

-- Users who may have several sessions in [p_from, p_to): each has a past one there, or several that are not past. Of
-- their sessions each must be looked at, for a minute of a person counts once. The later of two did not begin alone.
create or replace function shared_users(p_from timestamptz, p_to timestamptz, p_corrected boolean) returns text[]
language sql stable as $$
    select array(
        select user_id::text from watching_times w
         where not was_alone
           and exists (select from watching_times o where o.user_id = w.user_id and o.resource <> w.resource)
        union
        select user_id from past_between(p_from - interval '2 hours', p_to, p_corrected))
$$;
