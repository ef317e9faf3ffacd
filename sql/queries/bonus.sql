-- name: bonus
-- A bonus and its numbers; no row if there is none. left: what of the stock is still to be had.
-- $1 bonus_id
select b.bonus_id, b.reward, b.audience, b.resource,
       ms(b.opens_at) as opens_at, ms(b.closes_at) as expires_at,
       b.stock,
       case when b.stock is not null then
           (select coalesce(sum(remaining), 0) from bonus_stock s where s.bonus_id = b.bonus_id)
       end as "left",
       milliseconds(b.min_watched) as min_watched_ms,
       (select count(*) from claims c where c.bonus_id = b.bonus_id) as claimed,
       case when b.cancelled_at is not null then 'cancelled'
            when clock.now < b.opens_at then 'upcoming'
            when clock.now <= b.closes_at then 'open'
            else 'expired' end as state,
       ms(clock.now) as server_now
  from bonuses b, (select clock_timestamp() as now) as clock
 where b.bonus_id = $1;
