-- A welcome says whether there are more bonuses than it shows; a bonus, a refused claim and a page of a broadcast say how far
-- the user is towards the least watch time. These functions answer with one word more, or take one.
select set_aside('hello(text, text, text, bigint, text, bigint, interval, integer, interval, boolean, bigint,
    timestamptz)');
select set_aside('claim(text, text, uuid, interval, integer, interval, timestamptz)');
select set_aside('claim_look(text, text, uuid, timestamptz)');
select set_aside('bonus_json(bonuses, text)');
select set_aside('broadcast_page(uuid, integer, uuid, integer, integer, integer, integer, integer, integer,
    integer, integer, interval, timestamptz)');
delete from migrations where name in (
    'functions/stream/hello.sql', 'functions/bonus/claim.sql', 'functions/bonus/claim_look.sql',
    'functions/bonus/bonus_json.sql', 'functions/broadcast/broadcast_page.sql');
