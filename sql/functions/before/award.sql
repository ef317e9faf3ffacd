-- Judge all campaigns, as the release before asks for it: it calls this until nothing more is made. Returns how many
-- bonuses that made.
create or replace function award(p_limit integer, p_now timestamptz default null) returns integer
language plpgsql as $$
declare
    v_page record;
    v_since timestamptz;
    v_made integer := 0;
begin
    loop
        select * into v_page from judge_campaigns(p_limit, v_since, p_now);
        exit when v_page.is_done;
        v_made := v_made + v_page.made;
        v_since := v_page.since;
    end loop;
    return v_made;
end $$;
