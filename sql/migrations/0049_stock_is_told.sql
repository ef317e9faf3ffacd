-- The audience of a bonus is told what is left of its stock, in steps.

-- The step that was told last; null: none.
alter table bonuses add column told_left integer;
-- Of a day's broadcasts, some hundred: to look at them takes no time.
alter table broadcasts
    -- squawk-ignore ban-drop-constraint
    drop constraint broadcasts_kind_check,
    -- squawk-ignore constraint-missing-not-valid
    add constraint broadcasts_kind_check check (kind in ('offer', 'cancel', 'stock', 'news'));

-- It answers with one word more.
select set_aside('claim(text, text, uuid, interval, integer, interval, timestamptz)');
delete from migrations where name = 'functions/bonus/claim.sql';
