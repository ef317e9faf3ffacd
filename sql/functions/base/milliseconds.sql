-- Milliseconds since the epoch, as the clients count.
create or replace function ms(p_at timestamptz) returns bigint
language sql stable as $$ select (extract(epoch from p_at) * 1000)::bigint $$;

create or replace function milliseconds(p_length interval) returns bigint
language sql immutable as $$ select (extract(epoch from p_length) * 1000)::bigint $$;
