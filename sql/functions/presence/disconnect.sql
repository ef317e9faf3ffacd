-- End a connection; the last one of a session closes the session. True if it did.
-- Before its $connect, twice, or late, the event leaves the same rows: while the ticket could still open
-- this connection, used_tickets says that it must not.
--
-- The write does not wait for the disk: API Gateway reports ends at best effort, and so do we. If the
-- server loses power, the ends of the last half second are lost, and the sweep finds them like all other
-- ends without a $disconnect. That saves half of what a session costs the disk.
-- https://www.postgresql.org/docs/current/wal-async-commit.html
create or replace function disconnect(
    p_user_id text, p_node text, p_connection_id text, p_ended_by text,
    p_ticket_id text, p_ticket_expires_at timestamptz, p_grace interval default '30 seconds',
    p_now timestamptz default null
) returns boolean language plpgsql as $$
declare
    v_now timestamptz;
begin
    -- As in `connect`.
    v_now := case when set_config('enable_seqscan', 'off', true) || set_config('synchronous_commit', 'off', true)
                       is not null then wait_for_user(p_user_id, p_now) end;
    if may_open(p_ticket_expires_at, v_now) then  -- otherwise there is nothing to store
        perform use_up(p_ticket_id, p_ticket_expires_at, v_now);
    end if;

    -- Most users had only this connection, and webhooks were not told of it. `leave` would end their session as well; this takes two
    -- thirds of the time.
    with closed as (
        update watching_times
           -- Not its last seen_at: the clock may have gone back since that was stored.
           set nodes = '{}', seen_at = greatest(joined_at, v_now), ended_at = greatest(joined_at, v_now),
               ended_by = p_ended_by::ending, ended_within = interval '0',
               back_by = case when back_by is null and p_ended_by = 'client' then v_now + p_grace
                              else greatest(v_now + p_grace,
                                            back_by(back_by, p_ended_by::ending, v_now, v_now)) end
         where user_id = p_user_id and p_ended_by <> 'kicked' and evidence is null and visible is null
           and nodes - p_node = '{}' and (nodes -> p_node) - p_connection_id = '{}'
           and not nodes -> p_node -> p_connection_id ? 'told'
        returning id, user_id, resource, ended_at, back_by
    )
    insert into presence_outbox (due_at, type, session_id, user_id, resource, at)
        select back_by, 'offline', id, user_id, resource, ended_at from closed;
    if found then
        return true;
    end if;
    perform prefer_indexes();
    return leave(p_user_id, p_node, p_connection_id, p_ended_by::ending, v_now, v_now, p_grace, v_now);
end $$;
