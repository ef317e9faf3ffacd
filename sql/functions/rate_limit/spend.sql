-- Count one message of a user against their limit: a message each p_gap, with p_burst at once. Returns 0 if
-- it is within the limit, else in how many milliseconds the next one will be; negative if the user keeps
-- sending and is two bursts ahead. Refused messages count too, up to that bound, so waiting is what helps.
-- A p_gap of 0 means no limit.
create or replace function spend(
    p_user_id text, p_gap interval, p_burst integer, p_now timestamptz
) returns integer language plpgsql as $$
declare
    v_ahead interval;
    v_wait_ms integer;
begin
    if p_gap = '0' then
        return 0;
    end if;
    insert into user_limits as l (user_id, free_at) values (p_user_id, p_now + p_gap)
        on conflict (user_id) do update
           set free_at = least(greatest(l.free_at, p_now) + p_gap, p_now + p_gap * (2 * p_burst + 1))
        returning free_at - p_now into v_ahead;
    if v_ahead <= p_gap * p_burst then
        return 0;
    end if;
    v_wait_ms := ceil(extract(epoch from v_ahead - p_gap * (p_burst - 1)) * 1000);
    return case when v_ahead <= p_gap * (2 * p_burst) then v_wait_ms else -v_wait_ms end;
end $$;

-- The outcome that a refusal by `spend` has in a row.
create or replace function outcome_of(p_wait_ms integer) returns text
language sql immutable as $$ select case when p_wait_ms < 0 then 'disconnect' else 'slow_down' end $$;
