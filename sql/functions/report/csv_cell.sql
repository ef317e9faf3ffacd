-- A name as a cell of CSV: one that a spreadsheet would read as a formula, or that begins with an
-- apostrophe, gets an apostrophe before it. The same as `cell` in handlers/web/pagination.py.
-- https://owasp.org/www-community/attacks/CSV_Injection
create or replace function csv_cell(p_name text) returns text language sql immutable as $$
    select case when p_name ~ '^[-=+@\t\r\n''＝＋－＠]' then '''' || p_name else p_name end
$$;
