-- name: prune
-- Remove what nobody needs any more, at most $2 of each: used tickets that can open nothing, and
-- events older than $1. Returns how many of each.
-- $1 keep_events  $2 limit
with tickets as (
    delete from used_tickets
     where ctid in (select ctid from used_tickets
                     where expires_at < clock_timestamp() - interval '2 minutes'
                     limit $2 for update skip locked)
    returning 1
),
events as (
    delete from user_events
     where ctid in (select ctid from user_events where at < clock_timestamp() - $1::interval
                     limit $2 for update skip locked)
    returning 1
)
select (select count(*) from tickets) as tickets, (select count(*) from events) as events;
