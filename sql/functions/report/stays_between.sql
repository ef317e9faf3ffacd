-- When users were there, of sessions that cross [p_from, p_to): a row for each session or part of one (see
-- sessions_between), or with p_visible for each time for which it was visible. Such a time is a part of its
-- session, too: away_since is the end of the one before it. Open ones go on up to p_now. Most sessions were visible all the
-- time, and need no look inside.
create or replace function stays_between(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_visible boolean,
    p_corrected boolean default true
) returns table (
    user_id text, resource text, joined_at timestamptz, ended_at timestamptz, ended_within interval,
    away_since timestamptz
) language sql stable rows 100000 as $$
    select user_id, resource, joined_at, ended_at, ended_within, away_since
      from sessions_between(p_from, p_to, p_corrected)
     where not p_visible or (visible is null and coalesce(ended_at, p_now) > joined_at)
    union all
    select s.user_id, s.resource, lower(shown), upper(shown),
           case when upper(shown) = s.ended_at then s.ended_within end, v.away_since
      from sessions_between(p_from, p_to, p_corrected) as s,
           lateral (select shown, coalesce(lag(upper(shown)) over (order by shown), s.away_since) as away_since
                      from unnest(s.visible * tstzmultirange(tstzrange(
                               s.joined_at, greatest(s.joined_at, coalesce(s.ended_at, p_now))))) as shown) as v
     where p_visible and s.visible is not null
$$;
