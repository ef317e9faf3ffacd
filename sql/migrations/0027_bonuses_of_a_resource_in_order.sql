-- What a user watches is told to the function that lists their bonuses, so that it reads them in order.
drop function if exists unexpired_bonuses(text, timestamptz);
delete from migrations where name in (
    'functions/bonus/unexpired_bonuses.sql', 'functions/bonus/running_bonuses.sql');
