-- Create a question, and schedule its broadcasts: it is told when it opens, its tally when it is closed, and the bonus of those
-- who were right after that. The caller chooses the ids. Returns
--   created
--   repeated     the same order came before; nothing changed
--   conflict     another order has this id; nothing changed
--   window_over  it would be closed already; nothing is written
-- p_opens_at: instead of p_opens_in, which counts from now. p_correct, p_reward, p_claim_within: null if there is none.
-- p_user_ids: of the audience 'users'.
create or replace function create_question(
    p_question_id uuid, p_text text, p_options text[], p_correct integer, p_audience text, p_resource text,
    p_opens_in interval, p_window interval, p_opens_at timestamptz, p_reward jsonb, p_claim_within interval,
    p_result_id uuid, p_bonus_id uuid, p_fingerprint text, p_user_ids text[] default '{}', p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_question questions;
    v_opens_at timestamptz;
begin
    perform prefer_indexes();
    -- One at a time, before the check: the second call sees what the first made.
    perform lock_question(p_question_id);
    v_now := coalesce(p_now, clock_timestamp());
    v_opens_at := coalesce(p_opens_at, v_now + p_opens_in);
    select * into v_question from questions where question_id = p_question_id;
    if found then
        return case when v_question.fingerprint is not distinct from p_fingerprint then 'repeated' else 'conflict' end;
    elsif exists (select from broadcasts where broadcast_id = p_question_id) then
        return 'conflict';
    elsif v_opens_at + p_window <= v_now then
        return 'window_over';
    end if;
    insert into questions (question_id, text, options, correct, audience, resource, opens_at, expires_at, reward,
                           claim_within, bonus_id, result_id, fingerprint, created_at)
        values (p_question_id, p_text, p_options, p_correct, p_audience, p_resource, v_opens_at, v_opens_at + p_window,
                p_reward, p_claim_within, case when p_reward is not null then p_bonus_id end, p_result_id,
                p_fingerprint, v_now)
        returning * into v_question;
    insert into question_users (question_id, user_id)
        select distinct p_question_id, user_id from unnest(p_user_ids) as listed (user_id);
    insert into scheduled_broadcasts (broadcast_id, step, subject_id, due_at)
        select * from (values (p_question_id, 'question', p_question_id, v_opens_at),
                              (p_result_id, 'result', p_question_id, last_answer_at(v_question)),
                              (v_question.bonus_id, 'bonus', p_question_id, last_answer_at(v_question))) as steps
         where column1 is not null;
    return 'created';
end $$;
