-- What a JSON merge patch makes of a value: RFC 7396, section 2.
create or replace function merge_patch(p_target jsonb, p_patch jsonb) returns jsonb
language plpgsql immutable as $$
begin
    if jsonb_typeof(p_patch) <> 'object' then
        return p_patch;
    end if;
    if jsonb_typeof(p_target) is distinct from 'object' then
        p_target := '{}';
    end if;
    return (select coalesce(jsonb_object_agg(key, value), '{}') from (
        select key, value from jsonb_each(p_target) where not p_patch ? key
        union all
        select key, merge_patch(p_target -> key, value) from jsonb_each(p_patch)
         where value <> 'null') as merged);
end $$;
