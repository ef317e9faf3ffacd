-- Make due what is due later than the longest grace: it was written before the clock went back.
create or replace function hasten_outbox(p_now timestamptz) returns void language plpgsql as $$
begin
    if (select max(due_at) from presence_outbox) > p_now + interval '10 minutes' then
        perform prefer_indexes();
        update presence_outbox set due_at = p_now where due_at > p_now + interval '10 minutes';
    end if;
end $$;
