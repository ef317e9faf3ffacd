-- Count a message that is refused for what it says: one that cannot be read, or that its connection may not
-- send. Returns one row; outcome rejected, slow_down or kept_out (see `spend`).
create or replace function reject(
    p_user_id text, p_units integer,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer
) language plpgsql as $$
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, coalesce(p_now, clock_timestamp()), p_units);
    outcome := case when wait_ms = 0 then 'rejected' else outcome_of(wait_ms) end;
end $$;
