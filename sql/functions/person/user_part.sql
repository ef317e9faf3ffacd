-- The next part of a step of `user_tables`, after the key p_after (null: from the start), of p_limit rows of the
-- user, bonuses, or, of rows that are only read, five times as many. Returns the condition of its rows, in which
-- $1 is the user's id, and the last key in it: null if the part is the step's last.
create or replace function user_part(
    p_step integer, p_user_id text, p_after jsonb, p_limit integer, out condition text, out upto jsonb
) language plpgsql stable as $$
declare
    v_table record;
    v_keys text;
    v_bounds text := 'true';
begin
    select t.name, t.keys, t.found_by, coalesce(t.finds, 'user_id = $1') as finds,
           case t.found_by when 'bonus' then 'bonuses' when 'question' then 'questions' else t.name end as bounded_by
      into v_table from user_tables() t where t.step = p_step;
    condition := v_table.finds;
    if v_table.keys = '{}' then
        return;
    end if;
    select string_agg(quote_ident(key), ', ') into v_keys from unnest(v_table.keys) as key;
    if p_after is not null then
        v_bounds := format('(%s) > %s', v_keys, key_literal(v_table.bounded_by, v_table.keys, p_after));
    end if;
    execute format('select %s from %I where %s and %s order by %s offset %s limit 1',
                   key_object(v_table.keys), v_table.bounded_by, v_bounds,
                   case v_table.found_by when 'user' then v_table.finds else 'true' end, v_keys,
                   case v_table.found_by when 'all' then 5 else 1 end * p_limit - 1)
       into upto using p_user_id;
    if upto is not null then
        v_bounds := format('%s and (%s) <= %s', v_bounds, v_keys,
                           key_literal(v_table.bounded_by, v_table.keys, upto));
    end if;
    condition := format(case v_table.found_by
                            when 'bonus' then '%s and bonus_id = any (array(select bonus_id from bonuses where %s))'
                            when 'question' then '%s and question_id = any (array(select question_id from questions where %s))'
                            else '%s and %s' end, condition, v_bounds);
end $$;

-- The key of a row as an SQL expression: an object of its columns.
create or replace function key_object(p_keys text[]) returns text language sql immutable as $$
    select format('jsonb_build_object(%s)', string_agg(format('%L, %I', key, key), ', ')) from unnest(p_keys) as key
$$;

-- A key that `key_object` has made, as SQL: a row of constants, so that the planner sees them.
create or replace function key_literal(p_table text, p_keys text[], p_key jsonb) returns text
language sql stable as $$
    select format('(%s)', string_agg(format('%L::%s', p_key ->> key, format_type(a.atttypid, a.atttypmod)), ', ' order by n))
      from unnest(p_keys) with ordinality as k(key, n)
           join pg_attribute a on a.attrelid = p_table::regclass and a.attname = key
$$;
