-- name: hello
-- Everything a client needs to draw itself; see sql/functions/stream/hello.sql.
-- $1 user_id  $2 node  $3 connection_id  $4 since (null: the first hello)  $5 epoch
-- $6 broadcasts_since (null: all that are not over)  $7 gap  $8 burst
select * from hello($1, $2, $3, $4, $5, $6, $7, $8);
