-- What a welcome lists is made as text once, in place of a tree that is written out twice; and what is not
-- cancelled is looked up once. These functions change the types of their results, news_json its parameters.
drop function if exists hello(
    text, text, text, bigint, text, bigint, interval, integer, interval, boolean, bigint, timestamptz);
drop function if exists bonuses_of(text, timestamptz);
drop function if exists running_bonuses(text, timestamptz);
drop function if exists cancelled_bonuses(text, integer, timestamptz);
drop function if exists unexpired_bonuses(text, timestamptz);
drop function if exists news_of(text, bigint, timestamptz);
drop function if exists news_json(broadcasts);
delete from migrations where name in (
    'functions/stream/hello.sql', 'functions/bonus/bonuses_of.sql', 'functions/bonus/running_bonuses.sql',
    'functions/bonus/cancelled_bonuses.sql', 'functions/bonus/unexpired_bonuses.sql',
    'functions/broadcast/news_of.sql', 'functions/broadcast/news_json.sql');
