-- Erase the next part of what is stored of a user: at most p_limit of their rows, in one of the `user_tables`.
-- True if the erasure is done, and holds the user's id no more. Each part commits alone, so any caller can go on;
-- two take turns. What is stored after its table's turn is new, and stays.
-- The rights are those of the owner of the tables: ledger and past_sessions are never rewritten otherwise.
create or replace function erase_part(
    p_erasure_id uuid, p_limit integer, p_now timestamptz default null
) returns boolean language plpgsql as $$
declare
    v_erasure erasures;
    v_table record;
    v_part record;
    v_rows bigint;
begin
    select * into v_erasure from erasures where erasure_id = p_erasure_id and done_at is null for update;
    if not found then
        return true;
    end if;
    select * into v_table from user_tables() t
     where t.step > v_erasure.step and not (v_erasure.keep_mentions and coalesce(t.finds like '%mentions(%', false))
     order by t.step limit 1;
    if not found then
        update erasures set user_id = null, after = null, done_at = coalesce(p_now, clock_timestamp())
         where erasure_id = p_erasure_id;
        return true;
    end if;
    perform prefer_indexes();
    -- Between two runs of `finalize`, or `collect_webhook_events`, which has read the one before it writes the other.
    if v_table.name in ('presence_outbox', 'presence_events') then
        perform from presence_event_log for update;
    elsif v_table.name in ('webhook_outbox', 'webhook_events') then
        perform from webhook_log for update;
    end if;
    select * into v_part from user_part(v_table.step, v_erasure.user_id, v_erasure.after, p_limit);
    if v_table.name = 'watching_times' then
        v_rows := end_sessions(v_erasure.user_id, p_now);
    elsif v_table.name = 'user_streams' and v_table.sets is null then
        v_rows := erase_stream(v_erasure.user_id);
    else
        execute case when v_table.sets is null then format('delete from %I where %s', v_table.name, v_part.condition)
                     else format('update %I set %s where %s', v_table.name, v_table.sets, v_part.condition) end
          using v_erasure.user_id, v_erasure.pseudonym;
        get diagnostics v_rows = row_count;
    end if;
    update erasures
       set step = case when v_part.upto is null then v_table.step else step end, after = v_part.upto,
           counts = case when v_rows = 0 then counts else
               counts || jsonb_build_object(v_table.name, coalesce((counts ->> v_table.name)::bigint, 0) + v_rows) end
     where erasure_id = p_erasure_id;
    return false;
end $$;
