-- The part of [p_from, p_to) that roll-ups answer for: whole quarters up to rolled_up_to, without those whose sessions
-- have changed since. Nothing, if a period of p_starts begins within a quarter, as before 1972 or in a time zone to come.
-- Not the last two hours: if the clock has gone back, roll-ups may seem to be there.
create or replace function rolled_up(p_from timestamptz, p_to timestamptz, p_now timestamptz, p_starts timestamptz[])
returns tstzmultirange language sql stable as $$
    select case when since >= until or exists (select from unnest(p_starts) as start
                                                where start > since and start < until and start <> quarter_of(start))
                then '{}'
                else tstzmultirange(tstzrange(since, until)) - coalesce(
                         (select range_agg(tstzrange(starts_at, starts_at + interval '15 minutes')) from rollups_due
                           where starts_at >= greatest(since, kept_since) and starts_at < until), '{}') end
      from (select quarter_from(p_from) as since, quarter_of(least(p_to, p_now - interval '2 hours', rolled_up_to)) as until,
                   kept_since
              from rollup_state) as bounds
$$;
