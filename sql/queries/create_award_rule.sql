-- name: create_award_rule
-- From now on: a bonus for each `every` of watching. Returns outcome: created, repeated or
-- conflict (another rule has this id); only what is created is written.
-- $1 rule_id  $2 reward  $3 every  $4 claim_within  $5 resource (null: any)  $6 fingerprint
-- $7 is_visible: it pays visible time only
insert into award_rules as r (rule_id, reward, every, claim_within, resource, created_at, fingerprint, is_visible)
values ($1, $2, $3, $4, $5, clock_timestamp(), $6, $7)
on conflict (rule_id) do update set fingerprint = r.fingerprint
returning case when r.xmax = 0 then 'created'
               when r.fingerprint is not distinct from $6 then 'repeated'
               else 'conflict' end as outcome;
