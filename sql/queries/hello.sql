-- name: hello
-- Everything a client needs to draw itself: one row.
--   server_now, resource, joined_at, connections, watched_ms (resource null: in no session),
--   epoch, seq
--   recovered  true: events are exactly those after `since`
--              false: `since` is of another epoch or reaches too far back; events are the latest
--   events     at most 100 and 64 KB of them, in order: the reply must fit in one 128 KB message
--   bonuses    at most 10 that this user may claim now or soon, or has claimed, until they close;
--              the first to close first
-- $1 user_id  $2 node  $3 connection_id  $4 since (null: the first hello)  $5 epoch
with clock as materialized (select clock_timestamp() as now),
session as (
    select resource, join_at, (select count(*) from connections(nodes)) as connections
      from watching_times
     where user_id = $1 and nodes -> $2 ? $3
),
stream as (
    select e.epoch, coalesce(s.seq, 0) as seq,
           case when e.epoch::text = $5::text and $4::bigint <= coalesce(s.seq, 0) then $4::bigint end as since
      from stream_epoch e left join user_streams s on s.user_id = $1
),
latest as (
    select seq, event, sum(octet_length(event::text)) over (order by seq desc) as bytes
      from (select e.seq, event_json(e) as event
              from user_events e
             where e.user_id = $1 and e.seq > (select coalesce(since, 0) from stream)
             order by e.seq desc limit 100) as newest
),
events as (
    select count(*) as shown, coalesce(jsonb_agg(event order by seq), '[]') as list
      from latest where bytes <= 65536
),
open_bonuses as (
    select b as bonus, c.claimed_at is not null as claimed
      from clock, bonuses b left join claims c on c.bonus_id = b.bonus_id and c.user_id = $1
     where b.closes_at > clock.now and b.cancelled_at is null
       and (c.claimed_at is not null
            or coalesce(claim_refusal(b, $1, clock.now), 'too_early') = 'too_early')
     order by b.closes_at limit 10
)
select ms(clock.now) as server_now,
       session.resource, ms(session.join_at) as joined_at,
       coalesce(session.connections, 0) as connections,
       case when session.resource is null then 0
            else milliseconds(watched($1, session.resource, clock.now)) end as watched_ms,
       stream.epoch, stream.seq,
       stream.since is not null and stream.seq - stream.since = events.shown as recovered,
       events.list as events,
       (select coalesce(jsonb_agg(bonus_json(bonus, case when claimed then 'claimed' end)
                                  order by (bonus).closes_at), '[]')
          from open_bonuses) as bonuses
  from clock cross join stream cross join events left join session on true;
