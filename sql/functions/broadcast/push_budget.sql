-- How far the budget may be ahead of its rate: a page given out now may begin that much later. Small,
-- because the page's lease is running. News wait until nothing else does.
create or replace function patience(p_kind text) returns interval
language sql immutable as $$
    select case when p_kind = 'news' then interval '0' else interval '1 second' end
$$;

-- Reserve p_many pushes in the budget: they may begin so many milliseconds after p_now, and all workers
-- together stay below p_per_second. null: there are none.
create or replace function take_turn(p_many integer, p_per_second integer, p_now timestamptz)
returns integer language sql as $$
    insert into push_budget as b (free_at)
        select p_now + p_many * interval '1 second' / p_per_second where p_many > 0
        on conflict (only_row) do update
           set free_at = greatest(b.free_at, p_now) + p_many * interval '1 second' / p_per_second
        returning ceil(1000 * extract(
            epoch from free_at - p_many * interval '1 second' / p_per_second - p_now))::integer
$$;
