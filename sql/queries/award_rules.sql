-- name: award_rules
-- The rules that award watching, the newest first; ended ones too. Returns rule_id, reward, every_ms,
-- claim_within_ms, resource, created_at, ended_at.
-- $1 limit
select rule_id, reward, milliseconds(every) as every_ms, milliseconds(claim_within) as claim_within_ms, resource,
       ms(created_at) as created_at, ms(ended_at) as ended_at
  from award_rules order by created_at desc, rule_id limit $1;
