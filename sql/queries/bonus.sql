-- name: bonus
-- A bonus and its numbers; no row if there is none. left: what of the stock is still to be had.
-- connections: of its audience now, if they are counted.
-- $1 bonus_id
-- $2 is_counted
select b.bonus_id, b.reward, b.audience, b.resource,
       ms(b.opens_at) as opens_at, ms(b.expires_at) as expires_at,
       b.stock, left_of(b) as "left", milliseconds(b.min_watched) as min_watched_ms,
       case when b.is_visible then 'visible' else 'connected' end as clock, b.acknowledge,
       b.rule_id as campaign_id, b.milestone, ms(b.created_at) as created_at,
       author_of(b.bonus_id) as ordered_by, bonus_state(b, clock.now) as state,
       (select count(*) from claims c where c.bonus_id = b.bonus_id) as claimed,
       (select count(*) from acks a where a.bonus_id = b.bonus_id) as acknowledged,
       case when $2 then count_audience(b.bonus_id) end as connections,
       ms(clock.now) as server_now
  from bonuses b, (select clock_timestamp() as now) as clock
 where b.bonus_id = $1;
