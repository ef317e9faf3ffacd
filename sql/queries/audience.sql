-- name: audience
-- The audience of each period of [$1, $2), up to now: starts_at, ends_at (of the period within the interval),
-- unique_viewers, new_viewers, retained_viewers (of the first period), views, sessions, watched_ms, peak_viewers,
-- peak_at. docs/reference/definitions.md says what each is. And known_views, sampled_views, squared_views, viewer_views:
-- see `control`, and estimate_viewers in handlers/services/audience.py.
-- $1 begins  $2 ends  $3 period: minute, hour or day (null: one)  $4 timezone  $5 resources (null: all)
-- $6 min_length: that a unique viewer watches in the period  $7 resolution: of the peak, counted from $1
-- $8 now (null: the database's)  $9 is_visible: count visible time only
-- $10 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
-- $11 sample: of how many in 1,024 users, a power of two; 1,024: of all, and all from their sessions. What a smaller
-- sample says is multiplied: an estimate. But the sums and peaks of all, or of one resource, are then those of
-- roll-ups, and the sample says only what these do not know.
-- Only the two periods in which a session begins and ends are looked at one by one. Between them it covers all.
with span as materialized (
    select period_starts($1, until, $3, $4) as starts, until
      from (select least($2::timestamptz, coalesce($8, now())) as until) as bounds where until > $1
),
rolled as materialized (
    -- Of several resources they would count a common user twice.
    select case when $11::integer < 1024 and $10 and coalesce(cardinality($5::text[]), 1) = 1
                then coalesce(rolled_up($1, until, coalesce($8, now()), starts), '{}') else '{}' end as whole from span
),
periods as materialized (
    select n, begins, ends, starts[n + 1] - starts[n] as length, whole && tstzrange(begins, ends) as is_known,
           tstzmultirange(tstzrange(begins, ends)) - whole as unknown
      from span, rolled, generate_series(1, cardinality(starts) - 1) as n,
           lateral (select greatest(starts[n], $1) as begins, least(starts[n + 1], until) as ends) as bounds
),
known as (
    select width_bucket(period, starts) as n, s.*
      from span, rolled, sums_of_rollups(whole, $1, starts, false, ($5::text[])[1], $9) as s
),
clips as materialized (
    select c.* from span, audience_clips($1, $2, coalesce($8, now()), $5, starts, $9, $10, $11) as c
),
edges as materialized (
    select user_id, n, sum(length) as watched, sum(length) >= $6 as is_viewer, bool_or(is_new) as is_first
      from clips, span, lateral (
               select counts_n as n, least(ends_at, starts[counts_n + 1]) - counts_from as length, is_first as is_new
               union all select last_n, ends_at - starts[last_n], false where last_n > counts_n) as edge
     where is_counted group by user_id, n
),
retained as materialized (select user_id from edges where n = 1 and is_viewer),
at_edges as (
    select n, sum(watched) as watched, count(*) filter (where is_viewer) as viewers,
           count(*) filter (where is_viewer and r.user_id is not null) as retained
      from edges e left join retained r using (user_id) group by n
),
-- Totals know since when a user comes, of most. Of the others the sessions of all months before are asked.
early as materialized (
    select user_id::text from watching_times
     where joined_at < $1 and is_sampled(user_id, $11) and ($5::text[] is null or resource = any ($5))
),
new_ones as (
    select n, count(*) as viewers
      from (select n, user_id, (
                       select max(case when since.first_at = '-infinity' then 1 when since.first_at < $1 then 2 else 0 end)
                         from watch_totals t, lateral (select case when $9 then first_visible_at else t.first_at end) as since(first_at)
                        where t.user_id = e.user_id and t.resource = any (coalesce($5::text[], '{""}'))) as totals
              from edges e where is_viewer and is_first offset 0) as e
     where case when $10 and totals = 2 then false
                when not $10 or totals = 1 or user_id in (select user_id from early)
                then (select true from sessions_of(e.user_id, $10) as s
                       where ($9 or s.ended_at <= $1)
                         and case when not $9 then s.joined_at < $1
                                  when s.visible is null then s.joined_at < least($1, s.ended_at)
                                  else lower(s.visible) < $1 end
                         and ($5::text[] is null or s.resource = any ($5))
                       limit 1) is null
                else true end
     group by n
),
changes as (
    select n, sum(covers) as covers, sum(covers * of_retained) as retained, sum(sessions) as sessions, sum(views) as views
      from (select c.*, (r.user_id is not null)::integer as of_retained from clips c left join retained r using (user_id)) as c,
           lateral (select counts_n + 1 as n, 1 as covers, 0 as sessions, 0 as views where is_counted and last_n > counts_n + 1
                    union all select last_n, -1, 0, 0 where is_counted and last_n > counts_n + 1
                    union all select first_n + goes_on::integer, 0, 1, is_view::integer where first_n + goes_on::integer <= last_n
                    union all select last_n + 1, 0, -1, 0 where first_n + goes_on::integer <= last_n) as each
     group by n
),
in_sample as (
    select n, coalesce(e.viewers, 0) + sum(coalesce(covers, 0)) over before as viewers,
           coalesce(f.viewers, 0) as new_viewers,
           coalesce(e.retained, 0) + sum(coalesce(c.retained, 0)) over before as retained,
           coalesce(views, 0) as views, sum(coalesce(sessions, 0)) over before as sessions,
           coalesce(e.watched, interval '0') + (sum(coalesce(covers, 0)) over before)::float8 * length as watched
      from periods left join at_edges e using (n) left join new_ones f using (n) left join changes c using (n)
    window before as (order by n)
),
-- The same of the time that roll-ups do not know. They count those again who were there before their first quarter,
-- and came back after its start.
unknown as (
    select n, count(*) filter (where is_view and starts_at <@ piece) as views,
           count(*) filter (where greatest(starts_at, begins) <@ piece and not (goes_on and first_n = n)) as sessions,
           sum(greatest(least(ends_at, upper(piece)) - greatest(counts_from, lower(piece)), interval '0'))
               filter (where counts_from is not null) as watched
      from (select n, begins, unnest(unknown) as piece from periods where is_known) as pieces
           join clips on starts_at < upper(piece) and ends_at >= lower(piece)
     group by n
),
again as (
    select 1 as n, count(*) as sessions from span, rolled, away_across($1, coalesce($8, now()), $9) as a
     where lower(whole) > $1 and back_at <@ whole and back_at < starts[2] and ($5::text[] is null or resource = any ($5))
),
-- How often the users of the sample came in the quarters that roll-ups know: those know how often all did. Of months whose
-- sessions are gone there is no viewer.
control as (
    select n, sum(views) as views, sum(views * views) as squares, sum(views) filter (where is_viewer) as of_viewers
      from (select user_id, first_n as n, count(*) as views from clips, rolled
             where is_view and starts_at <@ whole group by user_id, first_n) as each
           join periods using (n) left join edges using (user_id, n)
     where begins >= (select kept_since from rollup_state)
     group by n
),
moments as (
    select at, sum(change) as change
      from (select date_bin($7, counts_from + ($7::interval - interval '1 microsecond'), $1), 1
              from clips, rolled where counts_from < ends_at and not tstzrange(counts_from, ends_at) <@ whole
            union all
            select date_bin($7, ends_at + ($7::interval - interval '1 microsecond'), $1), -1
              from clips, rolled where counts_from < ends_at and not tstzrange(counts_from, ends_at) <@ whole
            union all
            select lower(unnest(unknown)), 0 from periods) as each(at, change)
     group by at
),
peaks as (
    select width_bucket(at, starts) as n, max(viewers) as viewers, (array_agg(at order by viewers desc, at))[1] as at
      from (select at, sum(change) over (order by at) as viewers from moments) as counted, span, rolled
     where at < until and not at <@ whole group by 1
)
select ms(begins) as starts_at, ms(ends) as ends_at, (scale * s.viewers)::bigint as unique_viewers,
       (scale * s.new_viewers)::bigint as new_viewers, (scale * s.retained)::bigint as retained_viewers,
       (coalesce(k.views, 0) + scale * case when is_known then coalesce(u.views, 0) else s.views end)::bigint as views,
       (coalesce(k.sessions, 0) - coalesce(a.sessions, 0)
        + scale * case when is_known then coalesce(u.sessions, 0) else s.sessions end)::bigint as sessions,
       milliseconds(coalesce(k.watched, interval '0')
                    + scale * case when is_known then coalesce(u.watched, interval '0') else s.watched end) as watched_ms,
       peak.viewers as peak_viewers, ms(peak.at) as peak_at,
       coalesce(k.views, 0)::bigint as known_views, coalesce(c.views, 0)::bigint as sampled_views,
       coalesce(c.squares, 0)::bigint as squared_views, coalesce(c.of_viewers, 0)::bigint as viewer_views
  from periods p join in_sample s using (n) left join known k using (n) left join unknown u using (n)
       left join again a using (n) left join peaks using (n) left join control c using (n),
       lateral (select 1024 / $11 as scale) as sampling,
       lateral (select viewers, at
                  from (values (k.peak_users::bigint, k.peak_users_at), ((scale * peaks.viewers)::bigint, peaks.at),
                               (0, begins)) as each(viewers, at)
                 order by viewers desc nulls last, at limit 1) as peak
 order by n;
