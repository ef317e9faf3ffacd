-- Tell the audience of a question that it is open: news of a type of the server's own, so a welcome has it as long as it is.
create or replace function tell_question(p_question_id uuid, p_now timestamptz) returns void language plpgsql as $$
declare
    v_question questions;
begin
    perform share_question(p_question_id);
    select * into v_question from questions where question_id = p_question_id;
    if question_state(v_question, p_now) = 'open' then
        perform create_broadcast(
            p_question_id, 'news', null,
            jsonb_build_object('type', 'question.opened', 'body', jsonb_build_object(
                'question_id', p_question_id, 'text', v_question.text, 'options', v_question.options,
                'opens_at', ms(v_question.opens_at), 'expires_at', ms(v_question.expires_at))),
            null, v_question.audience, v_question.resource, v_question.expires_at, p_now);
    end if;
end $$;
