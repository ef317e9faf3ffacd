-- Acknowledgements are sent by clients by themselves, one by each tab: they are counted in a row of their own, so that
-- they take nothing from what their user does.

alter table user_limits add column kind text not null default 'message';
update user_limits set kind = 'claim' where of_claims;
alter table user_limits
    drop constraint user_limits_pkey,
    drop column of_claims,
    alter column kind drop default,
    add constraint user_limits_kind check (kind in ('message', 'claim', 'ack')),
    add primary key (user_id, kind);

-- They take another word: of which kind the message is.
drop function if exists spend(text, interval, integer, interval, timestamptz, integer, boolean);
drop function if exists charge(text, interval, double precision, boolean);
