-- Cancel a question: no answer counts from now on, and no tally is told. Those who were told it are told by p_cancel_id, as of
-- cancelled news. Returns cancelled; already_cancelled or closed if nothing changed; null if there is no such question.
create or replace function cancel_question(
    p_question_id uuid, p_cancel_id uuid, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_question questions;
begin
    perform prefer_indexes();
    -- In the order of `make_scheduled`.
    perform from scheduled_broadcasts where subject_id = p_question_id order by broadcast_id for update;
    perform lock_question(p_question_id);
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_question from questions where question_id = p_question_id;
    if not found or v_question.cancelled_at is not null then
        return case when found then 'already_cancelled' end;
    elsif question_state(v_question, v_now) = 'closed' then
        return 'closed';
    end if;
    update questions set cancelled_at = v_now where question_id = p_question_id;
    delete from scheduled_broadcasts where subject_id = p_question_id;
    if v_question.audience <> 'users' then
        perform recall_news(p_question_id, p_cancel_id, p_now);
        return 'cancelled';
    end if;
    -- Listed users have no place in the stream of broadcasts that it could be recalled from.
    update broadcasts set cancelled_at = v_now where broadcast_id = p_question_id;
    if found then
        perform create_broadcast(
            p_cancel_id, 'news', null,
            jsonb_build_object('type', 'question.cancelled', 'body', jsonb_build_object('question_id', p_question_id)),
            null, 'users', null, v_question.expires_at, v_now);
    end if;
    return 'cancelled';
end $$;
