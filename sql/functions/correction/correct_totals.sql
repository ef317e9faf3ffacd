-- Add to a user's totals of watch time what a session that had p_before has more, or less, with p_times (null: none):
-- by the resource, and of anything only what no other session has, by both clocks. p_visible: when it was visible; null: all
-- the time. Totals that were forgotten stay so.
create or replace function correct_totals(
    p_user_id text, p_resource text, p_session_id bigint, p_before tstzmultirange, p_times tstzmultirange,
    p_visible tstzmultirange
) returns void language plpgsql as $$
declare
    v_shown_before constant tstzmultirange := coalesce(p_visible * p_before, p_before);
    v_shown constant tstzmultirange := coalesce(p_visible * p_times, p_times);
    v_others tstzmultirange;
    v_shown_others tstzmultirange;
begin
    -- In the order of `add_watch_totals`, and before the others are read: no caller finalizes one meanwhile.
    perform from watch_totals t
     where t.user_id = p_user_id and t.resource in ('', p_resource) order by t.resource for update;
    select coalesce(range_agg(tstzrange(p.joined_at, p.ended_at)), '{}'),
           coalesce(range_agg(counted_times(p.joined_at, p.ended_at, p.visible, true)), '{}')
      into v_others, v_shown_others from read_past(true) p
     -- As a pair: see add_watch_totals.
     where (p.user_id, p.ended_at) > (p_user_id, least(lower(p_before), lower(p_times))) and p.user_id <= p_user_id
       and p.id <> p_session_id;
    update watch_totals t
       set watched = t.watched + d.watched, hidden = t.hidden + d.watched - d.visible,
           last_month = greatest(t.last_month, month_of(upper(p_times)))
      from (values (p_resource, length_of(p_times) - length_of(p_before), length_of(v_shown) - length_of(v_shown_before)),
                   ('', length_of(p_times - v_others) - length_of(p_before - v_others),
                    length_of(v_shown - v_shown_others) - length_of(v_shown_before - v_shown_others)))
           as d (resource, watched, visible)
     where d.resource = t.resource and t.user_id = p_user_id and t.resource in ('', p_resource);
end $$;
