-- Whether a user's messages and handshakes are refused, because they kept sending beyond their limit.
create or replace function is_kept_out(p_user_id text, p_now timestamptz) returns boolean
language sql stable as $$
    select exists (select from user_limits l
                    where l.user_id = p_user_id and l.is_kept_out
                      and busy_until(l.counted_at, l.free_at, p_now) > p_now)
$$;
