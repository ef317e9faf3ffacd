-- name: watch_time_by
-- Watch time in [$1, $2) by user, by resource, by both, or in all: user_id and resource (null unless asked
-- for), sessions that cross the interval, watched_ms within it, and uncertain_ms: the true watch time
-- lies between watched_ms and watched_ms + uncertain_ms. Open sessions count up to now. Unless by resource, a
-- user's minute counts once, on however many resources.
-- $1 begins  $2 ends  $3 by: of user, resource  $4 user_id  $5 resource (null: all)
-- $6 after_user_id  $7 after_resource ('' and '' from the start)  $8 limit (null: all)
-- $9 now (null: the database's)  $10 is_visible: count visible time only
-- $11 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
-- By user, a page looks its users up first: an index has them in order, and only they are summed.
with page as (
    select user_id
      from ((select distinct user_id from read_past($11)
              where ended_at >= $1::timestamptz - interval '2 hours'
                and ended_at < $2::timestamptz + interval '4 hours'
                and ended_at - joined_at <= interval '4 hours'
                and joined_at < $2
                and (ended_at > $1 or joined_at = $1 or ended_at + ended_within > $1)
                and ($4::text is null or user_id = $4) and ($5::text is null or resource = $5)
                and user_id >= $6
              order by user_id limit $8::bigint + 1)
            union all
            (select distinct user_id
               from (select user_id from read_past($11)
                      where ended_at >= $1::timestamptz - interval '2 hours'
                        and ended_at - joined_at > interval '4 hours'
                        and joined_at < $2
                        and (ended_at > $1 or ended_at + ended_within > $1)
                        and ($4::text is null or user_id = $4) and ($5::text is null or resource = $5)
                        and user_id >= $6
                     offset 0) as long -- they are few: find them by their length, not by users
              order by user_id limit $8::bigint + 1)
            union all
            (select distinct user_id::text from watching_times
              where joined_at < $2
                and (ended_at is null or ended_at > $1 or joined_at = $1
                     or ended_at + ended_within > $1)
                and ($4::text is null or user_id = $4) and ($5::text is null or resource = $5)
                and user_id >= $6
              order by user_id limit $8::bigint + 1)) as first
     group by user_id order by user_id limit $8::bigint + 1
)
select case when 'user' = any ($3::text[]) then s.user_id end as user_id,
       case when 'resource' = any ($3::text[]) then s.resource end as resource,
       -- One that an outage divides counts once: by the first of its parts here.
       count(s.starts_at) filter (where s.away_since is null or s.away_since <= $1) as sessions,
       coalesce(milliseconds(sum(s.ends_at - s.counts_from)), 0) as watched_ms,
       coalesce(milliseconds(sum(s.sure_at - s.uncertain_at)), 0) as uncertain_ms
  from clips_between($1, $2, coalesce($9, now()), $4, case when $5::text is not null then array[$5::text] end,
                     'resource' <> all ($3::text[]) and $5::text is null, $10, $11) as s
 where ($8::bigint is null or 'user' <> all ($3::text[]) or s.user_id = any (array(select user_id from page)))
 group by 1, 2
having (coalesce(case when 'user' = any ($3::text[]) then s.user_id end, ''),
        coalesce(case when 'resource' = any ($3::text[]) then s.resource end, '')) > ($6, $7)
    or cardinality($3::text[]) = 0
 order by 1, 2
 limit $8;
