-- Whether a user has acknowledged or claimed a bonus: later rounds skip them.
create or replace function has_answered(p_bonus_id uuid, p_user_id text) returns boolean
language sql stable as $$
    select exists (select from acks a where a.bonus_id = p_bonus_id and a.user_id = p_user_id)
        or exists (select from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id)
$$;
