-- Until when an answer counts: half a second more, as for a claim, for one that was given in time and took that long to arrive.
create or replace function last_answer_at(p_question questions) returns timestamptz
language sql stable as $$ select p_question.expires_at + interval '500 milliseconds' $$;

-- What a question is at this moment.
create or replace function question_state(p_question questions, p_now timestamptz) returns text
language sql stable as $$
    select case when p_question.cancelled_at is not null then 'cancelled'
                when p_question.closed_at is not null or p_now > last_answer_at(p_question) then 'closed'
                when p_now < p_question.opens_at then 'upcoming'
                else 'open' end
$$;

-- How many chose each option, each user once: counted while it is open, and as stored once it is closed.
create or replace function tally_of(p_question questions) returns integer[] language sql stable as $$
    select coalesce(p_question.tally, (
        select array_agg(coalesce(c.answers, 0) order by o.option)
          from generate_series(0, cardinality(p_question.options) - 1) as o(option)
               left join (select a.option, count(*)::integer as answers from answers a
                           where a.question_id = p_question.question_id group by a.option) as c using (option)))
$$;
