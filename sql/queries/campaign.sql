-- name: campaign
-- A campaign and its milestones, in their order; no row if there is none.
-- $1 campaign_id
select c.campaign_id, c.resources, case when c.is_visible then 'visible' else 'connected' end as clock,
       case when c.is_each then 'each' else 'once' end as overlap, c.timezone, ms(c.announced_at) as announced_at,
       ms(c.starts_at) as starts_at, ms(c.ends_at) as ends_at, ms(c.paused_at) as paused_at, ms(c.created_at) as created_at,
       author_of(c.campaign_id) as ordered_by, campaign_state(c, clock_timestamp()) as state, milestones_of(c.campaign_id) as milestones,
       limits_of(c) as limits, c.test_user_ids
  from campaigns c where c.campaign_id = $1;
