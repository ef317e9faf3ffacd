-- name: end_award_rule
-- A rule awards nothing more; what it has awarded stays. Twice changes nothing. No row: there is none.
-- $1 rule_id
update award_rules set ended_at = coalesce(ended_at, clock_timestamp()) where rule_id = $1
returning rule_id;
