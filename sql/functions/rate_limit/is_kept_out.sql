-- Whether a user's messages and handshakes are refused, because they kept sending beyond their limit. As in
-- `spend`, a row of before the clock went back holds no user up.
create or replace function is_kept_out(p_user_id text, p_now timestamptz) returns boolean
language plpgsql stable as $$
begin
    return exists (
        select from user_limits
         where user_id = p_user_id and is_kept_out and free_at > p_now
           and counted_at <= p_now + interval '1 minute');
end $$;
