-- Count one message of a user against their limit, whatever it says: a unit each p_gap, with p_burst at
-- once. Returns 0 if it is within the limit; else in how many milliseconds the next one will be; negative if
-- the user is kept out for that long, handshakes included, because p_burst messages were refused before and
-- they kept sending. A refused message counts too, so waiting is what helps. A p_gap of 0 means no limit.
-- p_units: what the message itself costs; see `charge` for what it leads to.
-- A row that was written more than a minute from now is of before the clock went back, and holds no user up;
-- a minute, because a message may have waited for its turn.
create or replace function spend(
    p_user_id text, p_gap interval, p_burst integer, p_keep_out interval, p_now timestamptz,
    p_units integer default 1
) returns integer language plpgsql as $$
declare
    v_wait interval;
    v_refused integer;
begin
    if p_gap = '0' then
        return 0;
    end if;
    insert into user_limits as l (user_id, counted_at, free_at)
        values (p_user_id, p_now, p_now + p_gap * p_units)
        on conflict (user_id) do update
           set counted_at = p_now, refused = 0, is_kept_out = false,
               free_at = case when l.counted_at > p_now + interval '1 minute' then p_now
                              else greatest(l.free_at, p_now) end + p_gap * p_units
         where l.free_at <= case when l.is_kept_out then p_now else p_now + p_gap * (p_burst - 1) end
            or l.counted_at > p_now + interval '1 minute';
    if found then
        return 0;
    end if;
    update user_limits
       set counted_at = p_now, refused = refused + 1, is_kept_out = refused >= p_burst,
           free_at = case when refused < p_burst then free_at + p_gap
                          else greatest(free_at, p_now + p_keep_out) end
     where user_id = p_user_id and not is_kept_out
    returning free_at - p_now, refused into v_wait, v_refused;
    if v_refused <= p_burst then
        return ceil(extract(epoch from v_wait - p_gap * (p_burst - 1)) * 1000);
    elsif v_refused is null then
        select free_at - p_now into v_wait from user_limits where user_id = p_user_id;
    end if;
    return -ceil(extract(epoch from v_wait) * 1000);
end $$;

-- The outcome that a refusal by `spend` has in a row.
create or replace function outcome_of(p_wait_ms integer) returns text
language sql immutable as $$ select case when p_wait_ms < 0 then 'kept_out' else 'slow_down' end $$;
