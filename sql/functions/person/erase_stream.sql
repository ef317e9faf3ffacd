-- Delete what is left of a user's stream, and the events that came while the others were deleted: the next stream
-- of this user begins with 1, and must not meet one of them. Returns how many streams that were.
create or replace function erase_stream(p_user_id text) returns bigint language plpgsql as $$
declare
    v_deleted bigint;
begin
    -- First: from here on, the next event waits for the end of this transaction.
    delete from user_streams where user_id = p_user_id;
    get diagnostics v_deleted = row_count;
    delete from user_events where user_id = p_user_id;
    return v_deleted;
end $$;
