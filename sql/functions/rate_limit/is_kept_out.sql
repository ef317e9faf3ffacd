-- What refuses a user's messages and handshakes, because they kept sending beyond their limit. As in `spend`, a row
-- of before the clock went back holds no user up. It is inlined into its caller.
create or replace function kept_out(p_user_id text, p_now timestamptz) returns setof user_limits
language sql stable rows 1 as $$
    select * from user_limits
     where user_id = p_user_id and is_kept_out and free_at > p_now and counted_at <= p_now + interval '1 minute'
$$;

-- For how long they are refused; null: they are not.
create or replace function kept_out_for(p_user_id text, p_now timestamptz) returns interval
language plpgsql stable as $$
begin
    return (select max(free_at) - p_now from kept_out(p_user_id, p_now));
end $$;

create or replace function is_kept_out(p_user_id text, p_now timestamptz) returns boolean
language plpgsql stable as $$
begin
    return kept_out_for(p_user_id, p_now) is not null;
end $$;
