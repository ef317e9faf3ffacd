-- The bonuses that a welcome shows to a user: at most 10 that are for them and are open or upcoming, claimed
-- ones too, the first to expire first; none for which they have not watched long enough. Cancelled ones fill
-- what room is left, for clients that still show them.
--   p_watched  how long they have watched p_resource, which the caller knows; both may be null
create or replace function bonuses_of(p_user_id text, p_resource text, p_watched interval, p_now timestamptz)
returns json language plpgsql stable as $$
declare
    v_shown jsonb[] := '{}';
    v_is_any_running boolean;
    v_is_any_cancelled boolean;
begin
    -- Most of the time there is none, and asking so costs a tenth of what it saves.
    select exists (select from bonuses b where b.ledger_closed_at is null and b.expires_at > p_now),
           exists (select from broadcasts b where b.kind = 'cancel' and b.expires_at > p_now)
      into v_is_any_running, v_is_any_cancelled;
    if v_is_any_running then
        v_shown := v_shown || running_bonuses(p_user_id, p_resource, p_watched, p_now);
    end if;
    if v_is_any_cancelled and cardinality(v_shown) < 10 then
        v_shown := v_shown || cancelled_bonuses(p_user_id, 10 - cardinality(v_shown), p_now);
    end if;
    return array_to_json(v_shown);
end $$;
