-- Where a reveal is between its order and its instant.
create or replace function reveal_state(p_reveal reveals, p_now timestamptz) returns text
language sql stable as $$
    select case when p_reveal.cancelled_at is not null then 'cancelled'
                when p_now >= p_reveal.reveals_at then 'revealed'
                else 'sealed' end
$$;

-- For so long who comes later is shown it, too.
create or replace function shown_until(p_reveal reveals) returns timestamptz
language sql stable as $$ select p_reveal.reveals_at + interval '10 minutes' $$;
