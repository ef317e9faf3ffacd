-- What is due becomes a fact, and sessions whose grace is over move to past_sessions: at most p_limit,
-- the longest due first. Returns how many facts that made. `is_behind`: there is more to do now.
-- One at a time: whoever numbers facts holds fact_log, so they are numbered in the order of commits.
-- Who finds it held leaves at once and has nothing to do.
create or replace function settle(
    p_limit integer, p_now timestamptz default null, out facts bigint, out is_behind boolean
) language plpgsql as $$
declare
    v_log fact_log;
    v_now timestamptz;
    v_taken bigint;
begin
    facts := 0;
    is_behind := false;
    select * into v_log from fact_log for update skip locked;
    if not found then
        return;
    end if;
    v_now := coalesce(p_now, clock_timestamp());
    with due as materialized (
        -- Of two that are due at once, a session's "online" comes before its "offline", and all of one
        -- session before the next.
        select ctid as place, * from pending_facts
         where due_at <= v_now order by due_at, session_id, fact limit p_limit
    ),
    -- Sessions that are still where they closed. One that somebody is changing is left for later.
    held as materialized (
        select d.place, d.due_at, d.at, w.*
          from due d join watching_times w
            on w.user_id = d.user_id and w.resource = d.resource and w.id = d.session_id
         where d.fact = 'offline' and not d.is_settled
           for update of w skip locked
    ),
    over as (
        delete from watching_times w using held h
         where w.user_id = h.user_id and w.resource = h.resource and w.id = h.id
           and w.terminate_at = h.at
        returning h.due_at, w.*
    ),
    moved as (
        insert into past_sessions (id, user_id, resource, join_at, terminate_at, ended_by, ended_within)
            select id, user_id, resource, join_at, terminate_at, ended_by, ended_within from over
    ),
    -- Nothing below joins these: how many rows they have the planner does not know, and it would loop
    -- through one for each row of the other.
    made as (
        insert into presence_facts (seq, fact, session_id, user_id, resource, at, settled_at)
            select v_log.last_seq + row_number() over (order by due_at, session_id, fact),
                   fact, session_id, user_id, resource, at, v_now
              from (select due_at, fact, session_id, user_id, resource, at
                      from due where fact = 'online' or is_settled
                    union all
                    select due_at, 'offline', id, user_id, resource, terminate_at from over) as happened
        returning 1
    ),
    done as (
        delete from pending_facts where ctid = any (array(
            select place from due where fact = 'online' or is_settled
            union all
            -- Over, or the user is back.
            select place from held
            union all
            -- No such session any more: told already.
            select d.place from due d
             where d.fact = 'offline' and not d.is_settled
               and (select w.id from watching_times w
                     where w.user_id = d.user_id and w.resource = d.resource
                       and w.id = d.session_id) is null))
    )
    select (select count(*) from made), (select count(*) from due) into facts, v_taken;
    update fact_log set last_seq = last_seq + facts where facts > 0;
    is_behind := v_taken = p_limit;
end $$;
