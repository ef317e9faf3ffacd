-- What a ledger lists is made as text once, as in a welcome: this function changes the type of its result.
drop function if exists ledger_of(text, bigint, interval, integer, interval, timestamptz);
delete from migrations where name = 'functions/bonus/ledger_of.sql';
