-- name: prune
-- Remove what is no longer needed, at most $3 of each: used tickets that can open nothing, events and
-- acknowledgements older than $1, broadcasts that ended as long ago, rate limits of idle users, presence
-- events older than $2. Returns how many of each.
-- $1 keep_events  $2 keep_presence_events  $3 limit
with tickets as (
    delete from used_tickets
     where ctid in (select ctid from used_tickets
                     where expires_at < clock_timestamp() - interval '2 minutes'
                     limit $3 for update skip locked)
    returning 1
),
events as (
    delete from user_events
     where ctid in (select ctid from user_events where at < clock_timestamp() - $1::interval
                     limit $3 for update skip locked)
    returning 1
),
presence as (
    delete from presence_events
     where seq in (select seq from (select seq, recorded_at from presence_events order by seq limit $3)
                       as oldest where recorded_at < clock_timestamp() - $2::interval)
    returning seq
),
begins as (
    update presence_event_log set pruned_seq = pruned.seq from (select max(seq) as seq from presence) as pruned
     where pruned.seq > pruned_seq
),
acknowledged as (
    delete from acks
     where ctid in (select ctid from acks where at < clock_timestamp() - $1::interval
                     limit $3 for update skip locked)
    returning 1
),
told as (
    delete from broadcasts
     where broadcast_id in (select broadcast_id from broadcasts
                             where expires_at < clock_timestamp() - $1::interval
                             order by expires_at limit $3 for update skip locked)
    returning 1
),
limits as (
    delete from user_limits
     where ctid in (select ctid from user_limits where free_at < clock_timestamp() - interval '1 minute'
                     limit $3 for update skip locked)
    returning 1
)
select (select count(*) from tickets) as tickets, (select count(*) from events) as events,
       (select count(*) from presence) as presence_events, (select count(*) from acknowledged) as acks,
       (select count(*) from told) as broadcasts, (select count(*) from limits) as limits;
