-- What is told of what is left of a stock: at most so many. In steps (all, half, a tenth, none), so that a bonus tells few.
create or replace function left_step(p_stock integer, p_left bigint) returns integer language sql immutable as $$
    select case when p_left = 0 then 0
                when p_left <= ceil(p_stock / 10.0) then ceil(p_stock / 10.0)::integer
                when p_left <= ceil(p_stock / 2.0) then ceil(p_stock / 2.0)::integer
                else p_stock end
$$;
