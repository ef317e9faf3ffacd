-- name: draw
-- A draw; no row if there is none, or it was deleted with its bonus. seed, digest: in hexadecimal digits.
-- $1 bonus_id
select d.bonus_id, case when d.among_bonus_id is null then 'present' else 'claims' end as among, d.resource,
       d.among_bonus_id, milliseconds(d.within) as within_ms, d.winners, d.candidates,
       encode(d.seed, 'hex') as seed, encode(d.digest, 'hex') as digest, ms(d.drawn_at) as drawn_at
  from draws d where d.bonus_id = $1;
