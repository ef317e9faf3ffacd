-- Up to when all connections of a session are known to have been here.
create or replace function known_until(p_nodes jsonb, p_now timestamptz) returns timestamptz
language sql stable as $$
    select min(least(p_now, greatest(
               here_since(c.value), to_timestamp((c.value ->> 'heard')::float8),
               last_evidence(to_timestamp((c.value ->> 'at')::float8), to_timestamp((c.value ->> 'seen')::float8),
                             p_now))))
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
$$;

-- Let a session go on in a new part if it was visible so often that its row grows large: each change writes all of
-- it. What is past is not written again, so the part ends where nothing can be found out any more: a connection
-- that is dead and still listed may turn out to have left an outage after that. The caller holds the user's lock.
create or replace function keep_short(p_session watching_times, p_now timestamptz) returns void
language plpgsql as $$
declare
    c_max_pieces constant integer := 20;
    v_until timestamptz;
begin
    if (select count(*) from unnest(p_session.visible)) > c_max_pieces then
        v_until := known_until(p_session.nodes, p_now);
        if v_until > p_session.joined_at then
            perform begin_part(p_session.user_id, p_session.resource, v_until, 'divided', interval '0', v_until);
        end if;
    end if;
end $$;
