-- A length so many times. PostgreSQL computes a product as a float: that of whole seconds is exact, and that of what is
-- left. To take seconds from a length that has days would leave days and hours that outweigh each other.
create or replace function multiply(p_length interval, p_times bigint) returns interval language sql immutable as $$
    select p_times * seconds * interval '1 second' + p_times * ((epoch - seconds)::float8 * interval '1 second')
      from (select extract(epoch from p_length) as epoch) as length,
           lateral (select floor(epoch)::bigint as seconds) as whole
$$;
