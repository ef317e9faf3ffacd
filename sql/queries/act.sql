-- name: act
-- A user did something; see sql/functions/stream/act.sql.
-- $1 user_id  $2 action_id  $3 type  $4 body  $5 patch (null: none)  $6 gap  $7 burst
select * from act($1, $2, $3, $4, $5, $6, $7);
