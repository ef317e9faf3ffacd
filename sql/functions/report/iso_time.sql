-- A moment, in milliseconds since the epoch, as ISO 8601 in UTC. The same as `iso_time` in
-- handlers/web/pagination.py.
create or replace function iso_time(p_ms bigint) returns text language sql stable as $$
    select to_char(timestamp with time zone 'epoch' at time zone 'UTC' + p_ms * interval '1 millisecond',
                   'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
