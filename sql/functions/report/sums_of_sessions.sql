-- What users watched in [p_from, p_to), from their sessions, in sums for each period of p_starts: `period`, its start,
-- and the user and resource, if those are told apart (p_by). The report begins at p_begins: what an earlier part of it
-- has counted of a period is not counted again. A session that crosses midnight gives each day its part.
-- Sessions are first summed by the periods in which they begin and end: those sums are few, and only they are spread
-- over all the periods between. With p_shared, open sessions of all other users are summed at once: see sums_of_open. It
-- is inlined into its caller, and planned there.
create or replace function sums_of_sessions(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_begins timestamptz, p_starts timestamptz[], p_by text[],
    p_user_id text, p_resource text, p_visible boolean, p_corrected boolean default true,
    p_shared text[] default null
) returns table (
    period timestamptz, user_id text, resource text, sessions bigint, watched interval, uncertain interval
) language sql stable rows 1000 as $$
    with clips as (
        select case when 'user' = any (p_by) then user_id end as user_id,
               case when 'resource' = any (p_by) then resource end as resource,
               joined_at, away_since, starts_at, ends_at, counts_from, uncertain_at, sure_at
          from clips_between(p_from, p_to, p_now, p_user_id, case when p_resource is not null then array[p_resource] end,
                             'resource' <> all (p_by) and p_resource is null, p_visible, p_corrected,
                             p_shared => p_shared)
        offset 0
    ),
    -- Materialized: otherwise the planner sorts a million sessions to have sums in order.
    summed as materialized (
        select user_id, resource, first, last, counts_first, is_counted_before, uncertain_first, uncertain_last,
               count(*) as sessions, sum(counts_from - counts_first) as before, sum(ends_at - last) as after,
               sum(uncertain_at - uncertain_first) as uncertain_before, sum(sure_at - uncertain_last) as uncertain_after
          from (select user_id, resource, ends_at, uncertain_at, sure_at, counts_from,
                       -- One that an outage divides counts once a period: by the first of its parts there.
                       coalesce(away_since > since or (joined_at < p_from and p_from > since), false) as is_counted_before,
                       first,
                       p_starts[width_bucket(greatest(starts_at, ends_at - interval '1 microsecond'), p_starts)] as last,
                       case when counts_from = starts_at then first
                            else p_starts[width_bucket(counts_from, p_starts)] end as counts_first,
                       uncertain_first,
                       p_starts[width_bucket(sure_at - interval '1 microsecond', p_starts)] as uncertain_last
                  from (select *, p_starts[width_bucket(starts_at, p_starts)] as first,
                               p_starts[width_bucket(uncertain_at, p_starts)] as uncertain_first
                          from clips) as beginning, lateral (select greatest(p_begins, first) as since) as each) as crossing
         group by user_id, resource, first, last, counts_first, is_counted_before, uncertain_first, uncertain_last
        union all
        select null, resource, first, last, first, is_counted_before, null, null, sessions, before, after, null, null
          from sums_of_open(p_from, p_to, p_now, p_begins, p_starts, 'resource' = any (p_by), p_resource, p_visible, p_shared)
         where p_shared is not null
    ),
    spread as (
        select user_id, resource, piece,
               case when piece between first and last and not (piece = first and is_counted_before)
                    then sessions else 0 end as sessions,
               part(piece, counts_first, last, length, sessions, before, after) as watched,
               part(piece, uncertain_first, uncertain_last, length, sessions, uncertain_before, uncertain_after) as uncertain
          from summed,
               generate_series(width_bucket(least(first, uncertain_first), p_starts),
                               width_bucket(greatest(last, uncertain_last), p_starts)) as n,
               lateral (select p_starts[n] as piece, p_starts[n + 1] - p_starts[n] as length) as each
    )
    select piece, user_id, resource, sum(sessions)::bigint, sum(watched), sum(uncertain)
      from spread group by piece, user_id, resource
$$;
