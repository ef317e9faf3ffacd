-- Offer the bonus of a question to those who were right. False: it is not closed yet. None was right, or it is cancelled: there
-- is no bonus.
create or replace function reward_answers(p_question_id uuid, p_now timestamptz) returns boolean language plpgsql as $$
declare
    v_question questions;
    v_user_ids text[];
begin
    select * into v_question from questions where question_id = p_question_id;
    if v_question.closed_at is null and v_question.cancelled_at is null then
        return false;
    end if;
    v_user_ids := array(select a.user_id from answers a
                         where a.question_id = p_question_id and a.option = v_question.correct
                           -- Who was erased meanwhile cannot be told.
                           and not exists (select from erasures e where e.pseudonym = a.user_id));
    if v_question.closed_at is not null and cardinality(v_user_ids) > 0 then
        perform create_bonus(v_question.bonus_id, v_question.reward, 'users', null, v_user_ids, '0',
                             v_question.claim_within, null, null, p_now => p_now);
    end if;
    return true;
end $$;
