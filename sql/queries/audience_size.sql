-- name: audience_size
-- About how many sessions an audience of [$1, $2), up to now, is read from: those that began in quarter hours that are
-- rolled up, and the past and open ones of later time. One row: sessions.
-- $1 begins  $2 ends  $3 resources (null: all)  $4 now (null: the database's)
with bounds as materialized (
    select least($2::timestamptz, coalesce($4, now())) as until
),
rolled as materialized (
    select lower(whole) as since, coalesce(upper(whole), $1) as upto
      from bounds, rolled_up($1, until, coalesce($4, now()), '{}') as whole
)
select ((select coalesce(sum(began), 0) from rollups, rolled
          where not is_visible and resource = any (coalesce($3::text[], '{""}')) and starts_at >= since and starts_at < upto)
        + (select count(*) from read_past(true), bounds
            where ended_at >= (select upto from rolled) and ended_at < (select until from bounds) + interval '4 hours'
              and joined_at < until and ($3::text[] is null or resource = any ($3)))
        + (select count(*) from watching_times, bounds
            where until > (select rolled_up_to from rollup_state)
              and joined_at < until and ($3::text[] is null or resource = any ($3))))::bigint as sessions;
