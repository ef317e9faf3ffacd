-- Give a function another name, so that its own is free for one that answers with more. It is not dropped: a call that
-- is under way still finds it, and would fail otherwise ("cache lookup failed for function"). Nothing happens if there is
-- none. p_function: as `regprocedure` writes it. Returns the new name, for a later release to drop; null: there is none.
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
