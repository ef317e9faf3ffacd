-- name: settle
-- What is due becomes a fact. Returns facts: how many, and is_behind: there is more.
-- $1 limit
select facts, is_behind from settle($1);
