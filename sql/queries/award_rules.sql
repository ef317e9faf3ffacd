-- name: award_rules
-- The rules that award watching, the newest first; ended ones too. position: $1 for the page behind it, in
-- microseconds.
-- $1 before_created_at ('infinity': from the start)  $2 before_rule_id  $3 limit
select rule_id, reward, extract(epoch from every)::float8 as every_seconds,
       extract(epoch from claim_within)::float8 as claim_within_seconds, resource,
       case when is_visible then 'visible' else 'connected' end as clock,
       case when resource is null then 'once' else 'each' end as overlap,
       ms(created_at) as created_at, ms(ended_at) as ended_at,
       (extract(epoch from created_at) * 1000000)::bigint as position
  from award_rules
 where (created_at, rule_id) < ($1, $2)
 order by created_at desc, rule_id desc limit $3;
