-- What all users watched in the quarters of p_rolled_up, in sums for each period of p_starts: `period`, its start, and the
-- resource, if those are told apart. A session is counted where it begins, or at p_from or the start of its period, if
-- it is there then or comes back from an outage that began before. Peaks are of users.
create or replace function sums_of_rollups(
    p_rolled_up tstzmultirange, p_from timestamptz, p_starts timestamptz[], p_by_resource boolean, p_resource text,
    p_visible boolean
) returns table (
    period timestamptz, resource text, sessions bigint, watched interval, uncertain interval, views bigint,
    peak_users integer, peak_users_at timestamptz
) language sql stable rows 1000 as $$
    select p_starts[n], case when p_by_resource then r.resource end,
           sum(r.began + case when r.starts_at = since then r.went_on else 0 end
               + coalesce(r.came_back[1 + quarters_in(r.starts_at - first_quarter)], 0)),
           sum(r.watched), sum(r.uncertain), sum(r.began), max(r.peak_users),
           (array_agg(r.peak_users_at order by r.peak_users desc, r.peak_users_at))[1]
      from rollups r, lateral (select width_bucket(r.starts_at, p_starts) as n) as place,
           -- That function of a constant is called once; in each row it would be planned each time.
           lateral (select greatest(p_from, p_starts[n]) as since,
                           greatest(quarter_from(p_from), p_starts[n]) as first_quarter) as each
     where r.is_visible = p_visible
       and (p_resource is null or r.resource = p_resource)
       and (p_resource is not null or p_by_resource or r.resource = '')
       and (p_resource is not null or not p_by_resource or r.resource <> '')
       and r.starts_at >= lower(p_rolled_up) and r.starts_at < upper(p_rolled_up) and r.starts_at <@ p_rolled_up
     group by 1, 2
$$;

-- Of sessions that were there after p_from, within its quarter, and away at the end of that: when they came back.
-- Roll-ups know only that they were away then.
create or replace function away_across(p_from timestamptz, p_now timestamptz, p_visible boolean)
returns table (resource text, back_at timestamptz) language sql stable as $$
    -- Hidden, on the visible clock.
    select s.resource, s.joined_at
      from (select quarter_from(p_from) as ends) as quarter, stays_between(ends, ends, p_now, p_visible) as s
     where p_visible and s.away_since > p_from and s.away_since <= ends and s.joined_at >= ends
    union all
    select p.resource,
           case when p_visible
                then lower(coalesce(p.visible, '{(,)}') * tstzmultirange(tstzrange(
                         p.joined_at, greatest(p.joined_at, coalesce(p.ended_at, p_now)))))
                else p.joined_at end
      from (select quarter_from(p_from) as ends) as quarter, parts_away(p_from, ends) as p
     where p.joined_at >= ends
$$;

-- Parts of sessions before which an outage began in (p_after, p_until].
create or replace function parts_away(p_after timestamptz, p_until timestamptz)
returns setof sessions language sql stable rows 1000 as $$
    select * from sessions where away_since > p_after and away_since <= p_until
$$;
