-- Remove questions whose end is before p_before, at most p_limit answers and, after these, users that they list; a question goes
-- with the last of them. Returns how many answers and users.
create or replace function prune_questions(p_before timestamptz, p_limit integer) returns bigint language plpgsql as $$
declare
    v_over uuid[] := array(select question_id from questions where expires_at < p_before order by expires_at limit p_limit);
    v_count bigint;
begin
    -- Question by question, along the index: a join might read all answers.
    delete from answers where ctid = any (array(
        select o.ctid from unnest(v_over) as over(question_id)
               cross join lateral (select a.ctid from answers a where a.question_id = over.question_id
                                    limit p_limit) as o
         limit p_limit));
    get diagnostics v_count = row_count;
    if v_count < p_limit then
        with gone as (
            delete from question_users where ctid = any (array(
                select o.ctid from unnest(v_over) as over(question_id)
                       cross join lateral (select u.ctid from question_users u where u.question_id = over.question_id
                                            limit p_limit) as o
                 limit p_limit - v_count)) returning 1)
        select v_count + count(*) into v_count from gone;
    end if;
    if v_count < p_limit then
        delete from questions where question_id = any (v_over);
    end if;
    return v_count;
end $$;
