-- When the quarter hour of UTC begins in which a moment lies.
create or replace function quarter_of(p_at timestamptz) returns timestamptz
language sql immutable as $$ select date_bin('15 minutes', p_at, timestamp with time zone 'epoch') $$;

-- When the first quarter hour begins that is not before a moment.
create or replace function quarter_from(p_at timestamptz) returns timestamptz
language sql immutable as $$ select quarter_of(p_at - interval '1 microsecond') + interval '15 minutes' $$;

-- How many quarter hours a length has.
create or replace function quarters_in(p_length interval) returns integer
language sql immutable as $$ select (extract(epoch from p_length) / 900)::integer $$;
