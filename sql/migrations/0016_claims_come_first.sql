-- A claim waits for no other message of its user, neither for its turn within the limit nor for a lock: claims
-- are counted in a row of their own.

alter table user_limits
    add column of_claims boolean not null default false,
    drop constraint user_limits_pkey,
    add primary key (user_id, of_claims);
alter table user_limits alter column of_claims drop default;

-- They take one word more: whether the message is a claim.
drop function if exists spend(text, interval, integer, interval, timestamptz, integer);
drop function if exists charge(text, interval, double precision);
delete from migrations where name in (
    'functions/rate_limit/spend.sql', 'functions/rate_limit/charge.sql');
