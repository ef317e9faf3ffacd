-- The parts of a session within [p_from, p_to): [starts_at, ends_at), for an open one up to p_now; and
-- [uncertain_at, sure_at), in which its true end may lie. Null where there is none.
create or replace function clipped(
    p_joined_at timestamptz, p_ended_at timestamptz, p_ended_within interval,
    p_from timestamptz, p_to timestamptz, p_now timestamptz
) returns table (
    starts_at timestamptz, ends_at timestamptz, uncertain_at timestamptz, sure_at timestamptz
) language sql immutable as $$
    select case when is_in then a end, case when is_in then b end,
           case when is_uncertain then uncertain end, case when is_uncertain then sure end
      from (select a, b, b > a or (b = a and b = p_joined_at) as is_in,
                   uncertain, sure, p_ended_within > interval '0' and sure > uncertain as is_uncertain
              from (select greatest(p_joined_at, p_from) as a,
                           least(coalesce(p_ended_at, p_now), p_to) as b,
                           greatest(p_ended_at, p_from) as uncertain,
                           least(p_ended_at + p_ended_within, p_to) as sure) as bounds
           ) as judged
$$;
