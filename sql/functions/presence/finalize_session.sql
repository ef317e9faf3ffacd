-- Move a session that is over out of the way of the next one on its resource. Its "offline" is due at
-- once, so it comes before the next "online"; the entry that was due later finds no session and is dropped.
-- The caller holds the user's lock.
create or replace function finalize_session(p_user_id text, p_resource text, p_now timestamptz)
returns void language sql as $$
    with over as (
        delete from watching_times
         where user_id = p_user_id and resource = p_resource and ended_at is not null
        returning *
    ),
    told as (
        insert into presence_outbox (due_at, type, session_id, user_id, resource, at, is_finalized)
            select p_now, 'offline', id, user_id, resource, ended_at, true from over
    )
    insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible)
        select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible from over
$$;
