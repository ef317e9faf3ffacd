-- name: create_award_rule
-- From now on: a bonus for each `every` of watching in one session. The same rule_id again changes
-- nothing.
-- $1 rule_id  $2 reward  $3 every  $4 claim_within  $5 resource (null: any)
insert into award_rules (rule_id, reward, every, claim_within, resource, created_at)
values ($1, $2, $3, $4, $5, clock_timestamp())
on conflict (rule_id) do nothing;
