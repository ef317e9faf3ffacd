-- name: current_bonuses
-- The bonuses that are upcoming or open, the newest first: as `bonuses`, found by their end, for there may be many that are
-- over.
-- $1 before_created_at ('infinity': from the start)  $2 before_bonus_id  $3 limit
select b.bonus_id, b.reward, b.audience, b.resource,
       ms(b.opens_at) as opens_at, ms(b.expires_at) as expires_at,
       b.stock, left_of(b) as "left", milliseconds(b.min_watched) as min_watched_ms,
       case when b.is_visible then 'visible' else 'connected' end as clock, b.acknowledge,
       b.rule_id as campaign_id, b.milestone, ms(b.created_at) as created_at,
       author_of(b.bonus_id) as ordered_by, bonus_state(b, clock_timestamp()) as state,
       (extract(epoch from b.created_at) * 1000000)::bigint as position
  from bonuses b
 where b.ledger_closed_at is null and b.cancelled_at is null
   and b.expires_at >= (select clock_timestamp())  -- asked once, so that an index can answer
   and (b.created_at, b.bonus_id) < ($1, $2)
 order by b.created_at desc, b.bonus_id desc limit $3;
