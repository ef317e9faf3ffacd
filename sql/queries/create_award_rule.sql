-- name: create_award_rule
-- From now on: a bonus for each `every` of watching in one session. Returns rule_id.
-- $1 reward  $2 every  $3 claim_within  $4 resource (null: any)
insert into award_rules (reward, every, claim_within, resource, created_at)
values ($1, $2, $3, $4, clock_timestamp())
returning rule_id;
