-- Times as JSON: `[{"joined_at": …, "ended_at": …}, …]`, in order.
create or replace function times_json(p_times tstzmultirange) returns jsonb language sql stable as $$
    select coalesce(jsonb_agg(jsonb_build_object('joined_at', ms(lower(one)), 'ended_at', ms(upper(one))) order by one), '[]')
      from unnest(p_times) as one
$$;

-- Whether no later correction of the session has replaced this one.
create or replace function is_in_force(p_correction corrections) returns boolean language sql stable as $$
    select not exists (select from corrections c
                        where c.session_id = p_correction.session_id and c.revision > p_correction.revision)
$$;
