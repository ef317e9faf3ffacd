-- name: ledger
-- What happened to a user's bonuses; see sql/functions/bonus/ledger_of.sql.
-- $1 user_id  $2 before (an entry's id; null: the newest)  $3 gap  $4 burst
select * from ledger_of($1, $2, $3, $4);
