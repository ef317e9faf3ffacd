-- Make due what is due later than the longest grace, or than a lost line is waited for: it was written before
-- the clock went back.
create or replace function hasten_outbox(p_now timestamptz) returns void language plpgsql as $$
declare
    v_latest timestamptz := p_now + (select greatest(wait_for_lost, '10 minutes') from line_limits);
begin
    if (select max(due_at) from presence_outbox) > v_latest then
        update presence_outbox set due_at = p_now where due_at > v_latest;
    end if;
end $$;
