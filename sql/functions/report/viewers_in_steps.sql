-- The same as viewers_in_sessions. Steps of whole quarters come from the roll-ups as far as there are any: these know each
-- coming and going, whatever the resolution, as sessions were corrected.
create or replace function viewers_in_steps(
    p_from timestamptz, p_to timestamptz, p_step interval, p_resource text, p_resolution interval, p_now timestamptz,
    p_corrected boolean default true
) returns table (at timestamptz, viewers bigint, peak_viewers bigint, peak_at timestamptz) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_steps tstzmultirange := '{}';
    v_rest tstzrange;
begin
    if p_corrected and p_from = quarter_of(p_from) and p_from + p_step = quarter_of(p_from + p_step) then
        select coalesce(range_agg(step), '{}') into v_steps
          from rolled_up(p_from, p_to, p_now, '{}') as whole,
               generate_series(p_from, least(p_to, p_now), p_step) as starts_at,
               lateral (select tstzrange(starts_at, starts_at + p_step) as step) as each
         where step <@ whole;
    end if;
    return query
        select step.at, coalesce(min(r.viewers) filter (where r.starts_at = step.at), 0)::bigint,
               coalesce(max(r.peak_viewers), 0)::bigint,
               coalesce((array_agg(r.peak_at order by r.peak_viewers desc, r.peak_at)
                         filter (where r.peak_viewers > 0))[1], step.at)
          from unnest(v_steps) as whole, generate_series(lower(whole), upper(whole) - p_step, p_step) as step(at)
               left join rollups r on r.resource = coalesce(p_resource, '') and not r.is_visible
                                      and r.starts_at >= step.at and r.starts_at < step.at + p_step
         group by step.at;
    for v_rest in select unnest(tstzmultirange(tstzrange(p_from, p_to)) - v_steps) loop
        return query
            select * from viewers_in_sessions(lower(v_rest), upper(v_rest), p_step, p_resource, p_resolution, p_now,
                                              p_corrected);
    end loop;
end $$;
