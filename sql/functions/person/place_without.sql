-- A place in the order of users and resources, without the user's id: if it is at this user, who has no session
-- any more, the last place before it that a session or an offer has. Nothing lies between the two. '' and '':
-- before the first.
create or replace function place_without(
    p_user_id text, p_place_user_id text, p_place_resource text, out user_id text, out resource text
) language plpgsql stable as $$
#variable_conflict use_column
begin
    user_id := p_place_user_id;
    resource := p_place_resource;
    if p_place_user_id = p_user_id then
        select coalesce(max(before.user_id), '') into user_id from (
            (select w.user_id::text from watching_times w where w.user_id < p_user_id order by w.user_id desc limit 1)
            union all
            (select o.user_id from offers o where o.user_id < p_user_id order by o.user_id desc limit 1)) as before;
        resource := coalesce((select max(w.resource) from watching_times w where w.user_id = place_without.user_id), '');
    end if;
end $$;
