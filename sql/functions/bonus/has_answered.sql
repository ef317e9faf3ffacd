-- Whether a user has acknowledged or claimed a bonus: later rounds skip them. Not `exists`: for a page of users the
-- planner would read the acknowledgements and claims of all.
create or replace function has_answered(p_bonus_id uuid, p_user_id text) returns boolean
language sql stable as $$
    select (select true from acks a where a.bonus_id = p_bonus_id and a.user_id = p_user_id limit 1) is not null
        or (select true from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id limit 1) is not null
$$;

-- Whether a broadcast of a bonus passes over a user: a later round, when they have answered; what is left of its stock, when they
-- have it.
create or replace function skips(p_kind text, p_round integer, p_bonus_id uuid, p_user_id text) returns boolean
language plpgsql stable as $$
begin
    return p_round > 1 and has_answered(p_bonus_id, p_user_id)
        or p_kind = 'stock' and (
            select true from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id limit 1) is not null;
end $$;
