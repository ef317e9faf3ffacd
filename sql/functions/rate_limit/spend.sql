-- Count one message of a user against their limit, whatever it says: a unit each p_gap, with p_burst at
-- once. Returns 0 if it is within the limit; else in how many milliseconds the next one will be; negative if
-- the user is kept out for that long, handshakes included, because p_burst messages were refused before and
-- they kept sending. A refused message counts too, so waiting is what helps. A p_gap of 0 means no limit.
-- p_units: what the message itself costs; see `charge` for what it leads to.
-- p_kind: message, claim or ack. Each kind has a limit of its own, as large, in a row of its own: a claim waits neither
-- for other messages of its user nor for the lock of one that is under way, and acknowledgements, which clients send by
-- themselves, take nothing from what the user does. Being kept out is of the user.
-- A row that was written more than a minute from now is of before the clock went back, and holds no user up;
-- a minute, because a message may have waited for its turn.
create or replace function spend(
    p_user_id text, p_gap interval, p_burst integer, p_keep_out interval, p_now timestamptz,
    p_units integer default 1, p_kind text default 'message'
) returns integer language plpgsql as $$
declare
    -- A message is within the limit if it is free by then.
    v_by timestamptz := p_now + p_gap * (p_burst - 1);
    -- Here, for every message is counted before it is planned. `perform` would take longer.
    v_settings text := prefer_indexes();
    v_kept_out interval;
    v_row user_limits;
begin
    if p_gap = '0' then
        return 0;
    end if;
    -- For most, this is all.
    insert into user_limits as l (user_id, kind, counted_at, free_at)
        select p_user_id, p_kind, p_now, p_now + p_gap * p_units
         where not exists (select from kept_out(p_user_id, p_now))
        on conflict (user_id, kind) do update
           set counted_at = p_now, refused = 0, is_kept_out = false,
               free_at = case when l.counted_at > p_now + interval '1 minute' then p_now
                              else greatest(l.free_at, p_now) end + p_gap * p_units
         where l.free_at <= case when l.is_kept_out then p_now else v_by end
            or l.counted_at > p_now + interval '1 minute';
    if found then
        return 0;
    end if;
    v_kept_out := kept_out_for(p_user_id, p_now);
    if v_kept_out is not null then
        return -ceil(extract(epoch from v_kept_out) * 1000);
    end if;
    update user_limits
       set counted_at = p_now, refused = refused + 1, is_kept_out = refused >= p_burst,
           free_at = case when refused < p_burst then free_at + p_gap
                          else greatest(free_at, p_now + p_keep_out) end
     where user_id = p_user_id and kind = p_kind and not is_kept_out
    returning * into v_row;
    if not found then
        -- Kept out by another message since we looked.
        select * into v_row from user_limits where user_id = p_user_id and kind = p_kind;
    end if;
    return case when v_row.is_kept_out then -ceil(extract(epoch from v_row.free_at - p_now) * 1000)
                else ceil(extract(epoch from v_row.free_at - v_by) * 1000) end;
end $$;

-- The outcome that a refusal by `spend` has in a row.
create or replace function outcome_of(p_wait_ms integer) returns text
language sql immutable as $$ select case when p_wait_ms < 0 then 'kept_out' else 'slow_down' end $$;
