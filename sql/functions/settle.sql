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
        select d.place, d.at, w.*
          from due d join watching_times w
            on w.user_id = d.user_id and w.resource = d.resource and w.id = d.session_id
         where d.fact = 'offline' and not d.is_settled
           for update of w skip locked
    ),
    over as (
        delete from watching_times w using held h
         where w.user_id = h.user_id and w.resource = h.resource and w.id = h.id
           and w.terminate_at = h.at
        returning h.place, w.*
    ),
    moved as (
        insert into past_sessions (id, user_id, resource, join_at, terminate_at, ended_by, ended_within)
            select id, user_id, resource, join_at, terminate_at, ended_by, ended_within from over
    ),
    judged as materialized (
        select d.*,
               case when d.fact = 'online' or d.is_settled or o.place is not null then 'happened'
                    when h.place is not null then 'came back'
                    when w.id is not null then 'later'
                    else 'told already' end as verdict
          from due d
               left join over o on o.place = d.place
               left join held h on h.place = d.place
               left join watching_times w
                 on w.user_id = d.user_id and w.resource = d.resource and w.id = d.session_id
    ),
    done as (
        delete from pending_facts p using judged j
         where p.ctid = j.place and j.verdict <> 'later'
    ),
    made as (
        insert into presence_facts (seq, fact, session_id, user_id, resource, at, settled_at)
            select v_log.last_seq + row_number() over (order by due_at, session_id, fact),
                   fact, session_id, user_id, resource, at, v_now
              from judged where verdict = 'happened'
        returning 1
    )
    select (select count(*) from made), (select count(*) from due) into facts, v_taken;
    update fact_log set last_seq = last_seq + facts where facts > 0;
    is_behind := v_taken = p_limit;
end $$;
