-- Count one message of a user against their limit, whatever it says: a unit each p_gap, with p_burst at
-- once. Returns 0 if it is within the limit; else in how many milliseconds the next one will be; negative if
-- the user is kept out for that long, handshakes included, because p_burst messages were refused before and
-- they kept sending. A refused message counts too, so waiting is what helps. A p_gap of 0 means no limit.
-- p_units: what the message itself costs; see `charge` for what it leads to.
create or replace function spend(
    p_user_id text, p_gap interval, p_burst integer, p_keep_out interval, p_now timestamptz,
    p_units double precision default 1
) returns integer language plpgsql as $$
declare
    v_limit user_limits;
begin
    if p_gap = '0' then
        return 0;
    end if;
    insert into user_limits as l (user_id, counted_at, free_at)
        values (p_user_id, p_now, p_now + p_gap * p_units)
        on conflict (user_id) do update
           set counted_at = p_now,
               free_at = case
                   when is_within(l.counted_at, l.free_at, p_gap, p_burst, p_now)
                   then busy_until(l.counted_at, l.free_at, p_now) + p_gap * p_units
                   when l.refused < p_burst
                   then busy_until(l.counted_at, l.free_at, p_now) + p_gap
                   else greatest(busy_until(l.counted_at, l.free_at, p_now), p_now + p_keep_out) end,
               refused = case
                   when is_within(l.counted_at, l.free_at, p_gap, p_burst, p_now) then 0
                   else l.refused + 1 end,
               is_kept_out = l.refused >= p_burst
                   and not is_within(l.counted_at, l.free_at, p_gap, p_burst, p_now)
         where not (l.is_kept_out and busy_until(l.counted_at, l.free_at, p_now) > p_now)
        returning * into v_limit;
    if not found then
        select * into v_limit from user_limits where user_id = p_user_id;
    end if;
    if v_limit.is_kept_out then
        return -ceil(extract(epoch from v_limit.free_at - p_now) * 1000);
    elsif v_limit.refused = 0 then
        return 0;
    end if;
    return ceil(extract(epoch from v_limit.free_at - p_gap * (p_burst - 1) - p_now) * 1000);
end $$;

-- When a user will have paid for all they sent. A row that was written more than a minute from now is of
-- before the clock went back, and holds no user up; a minute, because a message waits for its turn.
create or replace function busy_until(
    p_counted_at timestamptz, p_free_at timestamptz, p_now timestamptz
) returns timestamptz language sql stable as $$
    select case when p_counted_at <= p_now + interval '1 minute' then greatest(p_free_at, p_now)
                else p_now end
$$;

-- Whether a user may send one more message.
create or replace function is_within(
    p_counted_at timestamptz, p_free_at timestamptz, p_gap interval, p_burst integer,
    p_now timestamptz
) returns boolean language sql stable as $$
    select busy_until(p_counted_at, p_free_at, p_now) + p_gap <= p_now + p_gap * p_burst
$$;

-- The outcome that a refusal by `spend` has in a row.
create or replace function outcome_of(p_wait_ms integer) returns text
language sql immutable as $$ select case when p_wait_ms < 0 then 'kept_out' else 'slow_down' end $$;
