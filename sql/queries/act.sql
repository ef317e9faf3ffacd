-- name: act
-- A user did something. Returns outcome, server_now, epoch, event, others.
-- $1 user_id  $2 action_id  $3 type  $4 body
select * from act($1, $2, $3, $4);
