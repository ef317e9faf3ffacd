-- Questions for listed users. Their rows are written with the question, and pruned before it.
create table question_users (
    question_id uuid not null,
    user_id     text not null check (length(user_id) between 1 and 128),
    primary key (question_id, user_id)
);
-- Some thousand questions: to look at them takes no time.
alter table questions
    -- squawk-ignore ban-drop-constraint
    drop constraint questions_audience_check,
    -- squawk-ignore constraint-missing-not-valid
    add constraint questions_audience_check check (audience in ('everyone', 'resource', 'users'));

-- It takes their ids.
select set_aside('create_question(uuid, text, text[], integer, text, text, interval, interval, timestamptz, jsonb, interval, uuid, uuid, text, timestamptz)');
