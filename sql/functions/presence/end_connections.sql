-- End connections of one user that we closed (kick, end of a session): each leaves its session, which
-- ends now if that was the last one. A session within its grace ends for good as well. p_session_id (null:
-- all of the user's). Returns how many sessions that closed. Webhooks are told of a kick that has ended something.
create or replace function end_connections(
    p_user_id text, p_session_id bigint, p_nodes text[], p_connection_ids text[],
    p_now timestamptz default null
) returns integer language plpgsql as $$
declare
    v_now timestamptz := lock_user(p_user_id, p_now);
    v_ended record;
begin
    select * into v_ended from end_for_good(p_user_id, p_session_id, p_nodes, p_connection_ids, v_now);
    if v_ended.closed + v_ended.stopped + coalesce(cardinality(p_nodes), 0) > 0 then
        perform tell_webhooks('user.kicked', p_user_id, v_ended.resource, v_now, jsonb_strip_nulls(jsonb_build_object(
            'session_id', p_session_id, 'connections', coalesce(cardinality(p_nodes), 0))));
    end if;
    return v_ended.closed;
end $$;

-- The same, and webhooks are not told. closed, stopped: so many sessions were open, or within their grace; resource: that of
-- p_session_id. The caller holds the user's lock.
create or replace function end_for_good(
    p_user_id text, p_session_id bigint, p_nodes text[], p_connection_ids text[], p_now timestamptz,
    out closed integer, out stopped bigint, out resource text
) language plpgsql as $$
declare
    v_one record;
begin
    select w.resource into resource from watching_times w where w.user_id = p_user_id and w.id = p_session_id;
    closed := 0;
    for v_one in select * from unnest(p_nodes, p_connection_ids) as c(node, connection_id) loop
        closed := closed + leave(p_user_id, v_one.node, v_one.connection_id, 'kicked',
                                 p_now, p_now, interval '0', p_now)::integer;
    end loop;
    with held as (
        update watching_times w set ended_by = 'kicked'
         where w.user_id = p_user_id and w.ended_at is not null
           and not is_for_good(w.ended_by) and (p_session_id is null or w.id = p_session_id)
        returning *
    )
    insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
        select p_now, 'offline', h.id, h.user_id, h.resource, h.ended_at from held h;
    get diagnostics stopped = row_count;
end $$;
