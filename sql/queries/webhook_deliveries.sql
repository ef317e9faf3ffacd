-- name: webhook_deliveries
-- What a webhook has not taken at the first attempt, the newest first.
-- $1 webhook_id  $2 state (null: any)  $3 before_seq  $4 limit
select d.seq, e.event_id, e.type, e.user_id, ms(e.at) as at, d.state, d.attempts, ms(d.first_at) as first_at,
       ms(d.last_at) as last_at, ms(nullif(d.due_at, 'infinity')) as due_at, d.status, d.error
  from webhook_deliveries d join webhook_events e on e.seq = d.seq
 where d.webhook_id = $1 and ($2::text is null or d.state = $2) and d.seq < $3
 order by d.seq desc limit $4;
