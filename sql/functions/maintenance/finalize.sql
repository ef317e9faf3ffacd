-- Finalize sessions whose grace is over: they move to past_sessions, and what is due in the outbox
-- becomes a presence event. At most p_limit, the longest due first. Returns how many events that made;
-- is_behind: there is more to do now.
-- One at a time: the caller that numbers events holds presence_event_log, so their numbers follow the
-- order of commits. A caller that finds it held returns at once.
create or replace function finalize(
    p_limit integer, p_now timestamptz default null, out events bigint, out is_behind boolean
) language plpgsql as $$
declare
    v_log presence_event_log;
    v_now timestamptz;
begin
    select false, 0 into is_behind, events;
    perform prefer_indexes();
    select * into v_log from presence_event_log for update skip locked;
    if not found then
        return;
    end if;
    v_now := coalesce(p_now, clock_timestamp());
    perform hasten_outbox(v_now);
    with due as materialized (
        -- Due at the same time: "online" before "offline" of a session, one session before the next.
        select ctid as place, * from presence_outbox
         where due_at <= v_now order by due_at, session_id, type limit p_limit
    ),
    -- Sessions that are still closed, looked up one by one: a join could go through all sessions, and through all that
    -- is due for each. One that is being changed now is left for later.
    held as materialized (
        select d.place, d.due_at, d.at, w.user_id, w.resource, w.id, w.until, coalesce(w.until > v_now, false) as is_early
          from due d,
               lateral (select w.user_id, w.resource, w.id,
                               case when w.ended_at = d.at then lost_until(w, v_now) end as until
                          from watching_times w
                         where w.user_id = d.user_id and w.resource = d.resource and w.id = d.session_id
                           for update skip locked) as w
         where d.type = 'offline' and not d.is_finalized
    ),
    over as materialized (
        select h.due_at, s.* from held h, take_session(h.user_id, h.resource, h.id, h.at) as s
         where not h.is_early
    ),
    -- The server waits longer than it did when the line was lost. A row's place needs no index.
    postponed as (
        update presence_outbox o set due_at = h.until from held h where h.is_early and o.ctid = h.place
    ),
    moved as (
        insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible)
            select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible from over
    ),
    -- No joins below: the planner does not know their sizes and would use nested loops.
    made as (
        insert into presence_events (seq, type, session_id, user_id, resource, at, recorded_at)
            select v_log.last_seq + row_number() over (order by due_at, session_id, type),
                   type, session_id, user_id, resource, at, v_now
              from (select due_at, type, session_id, user_id, resource, at
                      from due where type = 'online' or is_finalized
                    union all select due_at, 'offline', id, user_id, resource, ended_at from over) as happened
        returning 1
    ),
    done as (
        delete from presence_outbox where ctid = any (array(
            -- Recorded now; over, or the user is back; and without a session: recorded already.
            select place from due where type = 'online' or is_finalized
            union all select place from held where not is_early
            union all select d.place from due d
             where d.type = 'offline' and not d.is_finalized
               and (select w.id from watching_times w
                     where w.user_id = d.user_id and w.resource = d.resource
                       and w.id = d.session_id) is null))
    )
    select (select count(*) from made), (select count(*) = p_limit from due) into events, is_behind;
    update presence_event_log set last_seq = last_seq + events where events > 0;
end $$;

-- Remove a session that ended then from those that can go on.
create or replace function take_session(p_user_id text, p_resource text, p_id bigint, p_ended_at timestamptz)
returns setof watching_times language sql volatile rows 1 as $$
    delete from watching_times
     where user_id = p_user_id and resource = p_resource and id = p_id and ended_at = p_ended_at
    returning *
$$;
