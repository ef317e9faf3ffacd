-- name: close_bonuses
-- Bonuses that are over get the last entries of their ledger. Returns closed: how many.
-- $1 limit
select close_bonuses($1) as closed;
