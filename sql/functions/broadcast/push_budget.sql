-- How far the budget may be ahead of its rate: a page given out now may begin that much later. Small,
-- because the page's lease is running. News and progress wait until nothing else does.
create or replace function patience(p_kind text) returns interval
language sql immutable as $$
    select case when p_kind in ('news', 'progress') then interval '0' else interval '1 second' end
$$;

-- Until when pushes are reserved, p_now at the earliest. A reservation that was made later than p_now is of
-- before the clock went back, and holds no push up; later by more than ten seconds, since a page may wait for
-- its turn.
create or replace function reserved_until(p_budget push_budget, p_now timestamptz) returns timestamptz
language sql stable as $$
    select case when p_budget.reserved_at <= p_now + interval '10 seconds'
                then greatest(p_budget.free_at, p_now) else p_now end
$$;

-- Reserve p_many pushes in the budget: they may begin so many milliseconds after p_now, and all workers
-- together stay below p_per_second. null: there are none.
create or replace function take_turn(p_many integer, p_per_second integer, p_now timestamptz)
returns integer language sql as $$
    insert into push_budget as b (free_at, reserved_at)
        select p_now + p_many * interval '1 second' / p_per_second, p_now where p_many > 0
        on conflict (only_row) do update
           set free_at = reserved_until(b, p_now) + p_many * interval '1 second' / p_per_second,
               reserved_at = p_now
        returning ceil(1000 * extract(
            epoch from free_at - p_many * interval '1 second' / p_per_second - p_now))::integer
$$;
