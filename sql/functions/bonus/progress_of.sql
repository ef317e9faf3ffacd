-- How far a user is towards the least watch time of a bonus, by its clock; null: it asks for none, or it is reached. reached_at:
-- when it will be, if that clock goes on; null: it stands still now. So nothing is written or pushed in that moment:
-- until then a user's time only goes on or stops, and what stops it is followed by a new welcome, or by a claim that is
-- refused with where it stands.
create or replace function progress_of(p_bonus bonuses, p_user_id text, p_now timestamptz) returns jsonb
language plpgsql stable as $$
declare
    v_watched interval;
begin
    if p_bonus.min_watched is null then
        return null;
    end if;
    v_watched := watched(p_user_id, p_bonus.resource, p_bonus.is_visible, p_now);
    if v_watched >= p_bonus.min_watched then
        return null;
    end if;
    return jsonb_build_object(
        'clock', case when p_bonus.is_visible then 'visible' else 'connected' end,
        'min_ms', milliseconds(p_bonus.min_watched), 'watched_ms', milliseconds(v_watched),
        'reached_at', case when is_clock_running(p_user_id, p_bonus.resource, p_bonus.is_visible)
                           -- Never too early.
                           then ms(p_now + p_bonus.min_watched - v_watched + interval '499 microseconds') end);
end $$;

-- Whether a user's watch time of a resource (null: of anything) goes on now, by either clock.
create or replace function is_clock_running(p_user_id text, p_resource text, p_visible boolean) returns boolean
language sql stable as $$
    select exists (
        select from watching_times w
         where w.user_id = p_user_id and w.ended_at is null and (p_resource is null or w.resource = p_resource)
           and (not p_visible or w.visible is null or shown_now(w.nodes) <> '{}'))
$$;
