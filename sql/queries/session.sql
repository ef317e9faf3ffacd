-- name: session
-- Whether a session of this user is open, in its grace, or past: state. No row: there is none.
-- By its user too: the tables are kept by user, and an id alone would have to be looked for.
-- $1 user_id  $2 session_id
select case when terminate_at is null then 'open' else 'over' end as state
  from sessions_of($1) where id = $2;
