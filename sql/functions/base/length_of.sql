-- How much time a multirange covers; 0 of null. Most are one range: those need no look inside.
create or replace function length_of(p_times tstzmultirange) returns interval language plpgsql immutable as $$
begin
    if p_times is null or isempty(p_times) then
        return interval '0';
    elsif p_times = tstzmultirange(range_merge(p_times)) then
        return upper(p_times) - lower(p_times);
    end if;
    return (select sum(upper(one) - lower(one)) from unnest(p_times) as one);
end $$;
