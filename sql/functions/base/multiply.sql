-- A length so many times. PostgreSQL computes a product as a float: that of whole seconds is exact, and that of what is
-- left.
create or replace function multiply(p_length interval, p_times bigint) returns interval language sql immutable as $$
    select p_times * seconds * interval '1 second' + p_times * (p_length - seconds * interval '1 second')
      from (select floor(extract(epoch from p_length))::bigint as seconds) as whole
$$;
