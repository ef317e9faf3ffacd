-- name: campaigns
-- The campaigns, the newest first; those that are over, too. position: $1 for the page behind it, in microseconds.
-- $1 before_created_at ('infinity': from the start)  $2 before_campaign_id  $3 limit  $4 state (null: any)
-- $5 resource (null: any): those that count it  $6 begins  $7 ends: those with a part in between
select c.campaign_id, c.resources, case when c.is_visible then 'visible' else 'connected' end as clock,
       case when c.is_each then 'each' else 'once' end as overlap, c.timezone, ms(c.announced_at) as announced_at,
       ms(c.starts_at) as starts_at, ms(c.ends_at) as ends_at, ms(c.paused_at) as paused_at, ms(c.created_at) as created_at,
       author_of(c.campaign_id) as ordered_by, campaign_state(c, clock_timestamp()) as state, milestones_of(c.campaign_id) as milestones,
       limits_of(c) as limits, c.test_user_ids,
       (extract(epoch from c.created_at) * 1000000)::bigint as position
  from campaigns c
 where (c.created_at, c.campaign_id) < ($1, $2)
   and ($4::text is null or campaign_state(c, clock_timestamp()) = $4)
   and ($5::text is null or c.resources is null or $5 = any (c.resources))
   and c.starts_at < $7 and coalesce(c.ends_at, 'infinity') > $6
 order by c.created_at desc, c.campaign_id desc limit $3;
