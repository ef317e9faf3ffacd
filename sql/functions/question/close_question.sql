-- Close a question whose time is over: store its tally for good, and tell it to the audience, for ten minutes. Once; not one
-- that is cancelled.
create or replace function close_question(p_question_id uuid, p_now timestamptz default null) returns void
language plpgsql as $$
declare
    v_question questions;
    v_now timestamptz;
begin
    perform lock_question(p_question_id);
    v_now := coalesce(p_now, clock_timestamp());
    update questions q set closed_at = v_now, tally = tally_of(q)
     where q.question_id = p_question_id and q.closed_at is null and q.cancelled_at is null
       and v_now >= last_answer_at(q)
    returning * into v_question;
    if not found then
        return;
    end if;
    perform create_broadcast(
        v_question.result_id, 'news', null,
        jsonb_build_object('type', 'question.closed', 'body', jsonb_build_object(
            'question_id', p_question_id, 'tally', v_question.tally, 'correct', v_question.correct)),
        null, v_question.audience, v_question.resource, v_now + interval '10 minutes', v_now);
end $$;
