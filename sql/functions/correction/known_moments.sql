-- Times that begin and end at whole milliseconds, as reports show them, with the moments that they stand for: of
-- p_moments those that round to the same. Null if there are none.
create or replace function known_moments(
    p_joined_at timestamptz[], p_ended_at timestamptz[], p_moments timestamptz[]
) returns tstzmultirange language sql stable as $$
    select range_agg(tstzrange(coalesce((select min(m) from unnest(p_moments) as m where ms(m) = ms(joined_at)), joined_at),
                               coalesce((select max(m) from unnest(p_moments) as m where ms(m) = ms(ended_at)), ended_at)))
      from unnest(p_joined_at, p_ended_at) as given(joined_at, ended_at)
$$;
