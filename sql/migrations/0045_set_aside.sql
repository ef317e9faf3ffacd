-- For the migrations behind this one. Until the functions replace it by the same one.
create or replace function set_aside(p_function text) returns text language plpgsql as $$
declare
    v_function regprocedure := to_regprocedure(p_function);
    v_name text := (select left(p.proname, 40) || '_before_' || p.oid from pg_proc p where p.oid = v_function);
begin
    if v_function is not null then
        execute format('alter function %s rename to %I', v_function, v_name);
    end if;
    return v_name;
end $$;
