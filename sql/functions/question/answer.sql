-- Answer a question for a user: once, over all their connections; the first answer stays. Returns one row; outcome
--   answered          this option; a repeat of the same answer gets the same, whatever the time
--   already_answered  another one: `chosen`
--   too_early, closed, cancelled, unknown_option
--   unknown_question  there is none, or it is not for this user
--   slow_down, kept_out   see `spend`; wait_ms says when to try again
-- epoch, event, others: as in `claim`. A user with one connection gets no event: there is no other one to tell.
-- Answers touch no row but their own; they are counted when they are asked for.
create or replace function answer(
    p_user_id text, p_question_id uuid, p_option integer,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint, out chosen integer,
    out epoch uuid, out event jsonb, out others jsonb
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_event user_events;
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    server_now := ms(v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        return;
    end if;
    select l.outcome, l.chosen into outcome, chosen from answer_look(p_user_id, p_question_id, p_option, v_now) as l;
    if outcome is not null then
        return;
    end if;
    others := connections_of(p_user_id);
    if jsonb_array_length(others) > 1 then
        perform lock_user(p_user_id, p_now);
    end if;
    perform share_question(p_question_id);
    v_now := coalesce(p_now, clock_timestamp());
    server_now := ms(v_now);
    -- What came in between: another device's answer, the end, a cancellation.
    insert into answers (question_id, user_id, option, answered_at)
        select q.question_id, p_user_id, p_option, v_now from questions q
         where q.question_id = p_question_id and question_state(q, v_now) = 'open'
        on conflict do nothing;
    if not found then
        others := null;
        select l.outcome, l.chosen into outcome, chosen from answer_look(p_user_id, p_question_id, p_option, v_now) as l;
        return;
    end if;
    outcome := 'answered';
    chosen := p_option;
    if jsonb_array_length(others) > 1 then
        v_event := append_event(p_user_id, 'question.answered',
            jsonb_build_object('question_id', p_question_id, 'option', p_option), null, null, gen_random_uuid()::text, v_now);
        select e.epoch into epoch from stream_epoch e;
        event := event_json(v_event);
        perform charge(p_user_id, p_gap, cost_of(jsonb_array_length(others), 300));
    end if;
end $$;

-- What an answer would come to right now. outcome null: it counts.
create or replace function answer_look(
    p_user_id text, p_question_id uuid, p_option integer, p_now timestamptz, out outcome text, out chosen integer
) language plpgsql stable as $$
declare
    v_question questions;
    v_state text;
begin
    select * into v_question from questions where question_id = p_question_id;
    v_state := question_state(v_question, p_now);
    select a.option into chosen from answers a where a.question_id = p_question_id and a.user_id = p_user_id;
    outcome := case
        when chosen = p_option then 'answered'
        when chosen is not null then 'already_answered'
        when v_question.question_id is null
             or not is_for(v_question.audience, v_question.resource, p_question_id, p_user_id) then 'unknown_question'
        when v_state = 'upcoming' then 'too_early'
        when v_state <> 'open' then v_state
        when p_option >= cardinality(v_question.options) then 'unknown_option' end;
end $$;
