-- name: find_session
-- Whether this user has such a session, open or over, corrected or not: its id, or no row. By the user too: the tables
-- are kept by user, and an id alone would have to be looked for.
-- $1 user_id  $2 session_id
select id from sessions_of($1, false) where id = $2;
