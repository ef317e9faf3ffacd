-- Begin to erase what is stored of a user, or find the erasure of them that is under way: its id. Nothing is
-- erased yet: see `erase_part`.
create or replace function create_erasure(
    p_user_id text, p_author text, p_keep_mentions boolean, p_now timestamptz default null
) returns uuid language plpgsql as $$
declare
    v_erasure_id uuid;
begin
    insert into erasures (user_id, author, keep_mentions, asked_at)
        values (p_user_id, p_author, p_keep_mentions, coalesce(p_now, clock_timestamp()))
        on conflict (user_id) where done_at is null do update set user_id = excluded.user_id
        returning erasure_id into v_erasure_id;
    return v_erasure_id;
end $$;
