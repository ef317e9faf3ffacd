-- name: reveal
-- A reveal; no row if there is none (any more).
-- $1 reveal_id
select r.reveal_id, r.content, r.key_id, r.audience, r.resource, r.connections, ms(r.reveals_at) as reveals_at,
       ms(r.key_at) as key_at, ms(r.created_at) as created_at, author_of(r.reveal_id) as ordered_by,
       reveal_state(r, clock.now) as state, ms(clock.now) as server_now
  from reveals r, (select clock_timestamp() as now) as clock
 where r.reveal_id = $1;
