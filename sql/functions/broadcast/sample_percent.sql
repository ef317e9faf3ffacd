-- Of how many of a hundred blocks of watching_times a sample has about 10,000 sessions; 100: there are no more.
create or replace function sample_percent() returns float8 language sql stable as $$
    select least(100, 100 * 10000::float8 / greatest(reltuples, 1)) from pg_class where oid = 'watching_times'::regclass
$$;
