-- The next rows that are stored of a user, as JSON: those of a step of `user_tables`, after the key p_after (null:
-- from the start); at most p_limit, and a megabyte of them. next_step and next_after are for the next call; rows
-- may be empty before the last. name is null if the step is none of an export.
create or replace function user_data(
    p_user_id text, p_step integer, p_after jsonb, p_limit integer,
    out name text, out rows jsonb, out next_step integer, out next_after jsonb
) language plpgsql as $$
#variable_conflict use_column
declare
    v_table record;
    v_part record;
    v_keys text;
    v_last jsonb;
    v_is_whole boolean;
begin
    select * into v_table from user_tables() t where t.step = p_step and t.finds is null;
    if not found then
        return;
    end if;
    perform prefer_indexes(), set_config('timezone', 'UTC', true);
    select * into v_part from user_part(p_step, p_user_id, p_after, p_limit);
    select string_agg(quote_ident(key), ', ') into v_keys from unnest(v_table.keys) as key;
    execute format(
        'with read as (select to_jsonb(t) as item, %s as key, row_number() over (%s) as n from %I t where %s),
              sized as (select *, sum(octet_length(item::text)) over (order by n) as bytes from read),
              page as (select * from sized where %s)
         select coalesce(jsonb_agg(item order by n), ''[]''), count(*) = (select count(*) from read),
                (array_agg(key order by n desc))[1] from page',
        key_object(v_table.keys), 'order by ' || v_keys, v_table.name, v_part.condition,
        -- A table without keys is read at once.
        case when v_table.keys = '{}' then 'true'
             else format('n = 1 or (n <= %s and bytes <= 1000000)', p_limit) end)
       into rows, v_is_whole, v_last using p_user_id;
    name := v_table.name;
    next_step := p_step;
    next_after := case when v_is_whole then v_part.upto else v_last end;
    if next_after is null then
        select min(t.step) into next_step from user_tables() t where t.step > p_step and t.finds is null;
    end if;
end $$;
