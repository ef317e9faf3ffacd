-- A welcome says whether there are more bonuses than it shows; a bonus, a refused claim and a page of a broadcast say how far
-- the user is towards the least watch time. These functions answer with one word more, or take one.
drop function if exists hello(
    text, text, text, bigint, text, bigint, interval, integer, interval, boolean, bigint, timestamptz);
drop function if exists claim(text, text, uuid, interval, integer, interval, timestamptz);
drop function if exists claim_look(text, text, uuid, timestamptz);
drop function if exists bonus_json(bonuses, text);
drop function if exists broadcast_page(
    uuid, integer, uuid, integer, integer, integer, integer, integer, integer, integer, integer, interval, timestamptz);
delete from migrations where name in (
    'functions/stream/hello.sql', 'functions/bonus/claim.sql', 'functions/bonus/claim_look.sql',
    'functions/bonus/bonus_json.sql', 'functions/broadcast/broadcast_page.sql');
