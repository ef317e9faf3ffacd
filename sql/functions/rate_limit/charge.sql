-- Charge a message that `spend` has let through for what it led to, in units of which `spend` has taken one.
-- So the limit bounds that as well: see docs/explanation/security.md.
create or replace function charge(
    p_user_id text, p_gap interval, p_units double precision, p_kind text default 'message'
) returns void language plpgsql as $$
begin
    if p_units > 1 then
        update user_limits set free_at = free_at + p_gap * (p_units - 1)
         where user_id = p_user_id and kind = p_kind;
    end if;
end $$;

-- What a message costs that tells so many connections, its own included, so many bytes each: a unit for
-- every 5 of them, or for every 16 KB altogether. A user with a few tabs pays no more than the one unit.
create or replace function cost_of(p_connections integer, p_bytes integer) returns double precision
language sql immutable as $$
    select p_connections * greatest(1 / 5.0::float8, p_bytes / 16384.0::float8)
$$;
