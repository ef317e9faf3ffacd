-- name: correction
-- A correction; no row if there is none, or its session's month was dropped.
-- $1 correction_id
select c.correction_id, c.session_id, c.user_id, c.resource, c.revision, times_json(c.times) as times, c.reason,
       c.author, ms(c.at) as at, is_in_force(c) as is_in_force
  from corrections c where c.correction_id = $1;
