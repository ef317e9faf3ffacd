-- Since when a connection has been in its session.
create or replace function here_since(p_connection jsonb) returns timestamptz
language sql immutable as $$
    select to_timestamp(coalesce(p_connection ->> 'since', p_connection ->> 'at')::float8)
$$;

-- The time for which the connections of a session are here, as far as we know: since the first of them came,
-- and on. Empty without one.
create or replace function here_from(p_nodes jsonb, p_now timestamptz) returns tstzmultirange
language sql stable as $$
    select case when count(*) = 0 then '{}'
                else tstzmultirange(tstzrange(least(min(here_since(c.value)), p_now), null)) end
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
$$;

-- Add to the evidence of a session that a connection was here from p_since to p_until. Times that are p_grace
-- apart or less become one: no outage will be found between them.
create or replace function with_evidence(
    p_evidence tstzmultirange, p_since timestamptz, p_until timestamptz, p_grace interval
) returns tstzmultirange language sql stable as $$
    select coalesce(p_evidence, '{}') + tstzmultirange(tstzrange(
        least(p_since, case when p_since <= upper(p_evidence) + p_grace then upper(p_evidence) end),
        greatest(p_since, p_until), '[]'))
$$;
