-- Since when a connection has been visible; null: it is hidden. It is visible from when it came until its client
-- says otherwise.
create or replace function shown_since(p_connection jsonb) returns timestamptz
language sql immutable as $$
    select case when not p_connection ? 'hidden'
                then to_timestamp(coalesce(p_connection ->> 'shown', p_connection ->> 'since',
                                           p_connection ->> 'at')::float8) end
$$;

-- The times of the connections that are visible now: since when, and on.
create or replace function shown_now(p_nodes jsonb) returns tstzmultirange
language sql stable as $$
    select coalesce(range_agg(tstzrange(shown_since(c.value), null)), '{}')
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
     where shown_since(c.value) is not null
$$;

-- When a session was visible that keeps nothing of that: all of it so far. Of connections that are gone that is up to
-- when another one took over.
create or replace function visible_so_far(p_session watching_times) returns tstzmultirange language sql stable as $$
    select coalesce(
               (select tstzmultirange(tstzrange(p_session.joined_at, greatest(
                           p_session.joined_at, to_timestamp(min((c.value ->> 'shown')::float8)))))
                  from jsonb_each(p_session.nodes) as n, jsonb_each(n.value) as c
                 where c.value ? 'shown' having count(*) > 0),
               '{}')
$$;

-- What a session keeps of when it was visible, once a connection of it that was so from p_since (null: never) to
-- p_until is hidden or gone. It is inlined into its caller.
create or replace function with_visible(p_session watching_times, p_since timestamptz, p_until timestamptz)
returns tstzmultirange language sql stable as $$
    select coalesce(p_session.visible, visible_so_far(p_session))
           + case when p_since < p_until
                  -- A connection keeps milliseconds of when it opened, a session microseconds.
                  then tstzmultirange(tstzrange(
                      case when p_since < p_session.joined_at + interval '1 millisecond'
                           then least(p_session.joined_at, p_until) else p_since end, p_until))
                  else '{}' end
$$;

-- When a session was visible up to p_until; null: all the time.
create or replace function visible_within(p_session watching_times, p_until timestamptz)
returns tstzmultirange language sql stable as $$
    select nullif(whole * (p_session.visible + shown_now(p_session.nodes)), whole)
      from (select tstzmultirange(tstzrange(p_session.joined_at, greatest(p_session.joined_at, p_until))) as whole)
           as bounds
$$;

-- When a session was visible, as in the view `sessions`: of an open one also what goes on; null: all the time.
create or replace function shown_times(p_session watching_times) returns tstzmultirange
language sql stable as $$
    select case when p_session.visible is not null then p_session.visible + shown_now(p_session.nodes) end
$$;

-- What counts of [p_from, p_to): all of it, or with p_visible what was visible of it. p_shown: as in the view `sessions`.
create or replace function counted_times(
    p_from timestamptz, p_to timestamptz, p_shown tstzmultirange, p_visible boolean
) returns tstzmultirange language sql immutable as $$
    select case when p_visible and p_shown is not null
                then p_shown * tstzmultirange(tstzrange(p_from, p_to)) else tstzmultirange(tstzrange(p_from, p_to)) end
$$;

-- For how long a past session was watched and not visible.
create or replace function hidden_length(p_joined_at timestamptz, p_ended_at timestamptz, p_visible tstzmultirange)
returns interval language sql immutable as $$
    select case when p_visible is null then interval '0' else p_ended_at - p_joined_at - length_of(p_visible) end
$$;

-- For how long of [p_from, p_to) a session was visible. p_visible: as in the view `sessions`.
create or replace function visible_length(p_visible tstzmultirange, p_from timestamptz, p_to timestamptz)
returns interval language sql immutable as $$
    select case when p_visible is null then greatest(p_to, p_from) - p_from
                else length_of(p_visible * tstzmultirange(tstzrange(p_from, greatest(p_from, p_to)))) end
$$;
