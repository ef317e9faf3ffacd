-- Whether some text in a value is the user's id, or a member has it as its name. Not one that contains it.
create or replace function mentions(p_value jsonb, p_user_id text) returns boolean
language sql immutable as $$
    -- As text first: of most values this is all that is done.
    select strpos(p_value::text, to_jsonb(p_user_id)::text) > 0 and without_mentions(p_value, p_user_id) <> p_value
$$;

-- A value with an empty text for each that is the user's id: it is not longer then, and all bounds still hold.
create or replace function without_mentions(p_value jsonb, p_user_id text) returns jsonb
language plpgsql immutable as $$
begin
    return case jsonb_typeof(p_value)
        when 'string' then
            case when p_value = to_jsonb(p_user_id) then '""' else p_value end
        when 'array' then (
            select coalesce(jsonb_agg(without_mentions(value, p_user_id) order by n), '[]')
              from jsonb_array_elements(p_value) with ordinality as e(value, n))
        when 'object' then (
            select coalesce(jsonb_object_agg(case when key = p_user_id then '' else key end,
                                             without_mentions(value, p_user_id)), '{}')
              from jsonb_each(p_value))
        else p_value end;
end $$;
