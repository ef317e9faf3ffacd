-- Whether what has this audience is for a user at this moment: the one place that decides it, for bonuses and questions. p_id: of
-- the bonus or the question that lists its users.
create or replace function is_for(p_audience text, p_resource text, p_id uuid, p_user_id text) returns boolean
language plpgsql stable as $$
begin
    return case when p_audience = 'users' then
        exists (select from offers o where o.bonus_id = p_id and o.user_id = p_user_id)
        or exists (select from question_users q where q.question_id = p_id and q.user_id = p_user_id)
    else
        exists (select from watching_times w
                 where w.user_id = p_user_id and w.ended_at is null and (p_resource is null or w.resource = p_resource))
    end;
end $$;
