-- name: award_rule
-- A rule that awards watching; no row if there is none. ended_at: null while it does. overlap: how a minute
-- counts that a user watches on several resources at once.
-- $1 rule_id
select rule_id, reward, extract(epoch from every)::float8 as every_seconds,
       extract(epoch from claim_within)::float8 as claim_within_seconds, resource,
       case when is_visible then 'visible' else 'connected' end as clock,
       case when resource is null then 'once' else 'each' end as overlap,
       ms(created_at) as created_at, ms(ended_at) as ended_at
  from award_rules where rule_id = $1;
