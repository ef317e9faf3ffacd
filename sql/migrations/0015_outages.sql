-- A line that was lost is given time to come back, and the outage is not watched: it divides a session into
-- parts, the past ones rows of past_sessions under the same id.

-- The line broke: no close frame came.
alter type ending add value 'lost' after 'client';

alter table watching_times
    -- Until when it can be continued. Also of an open session: when the last of its lost lines is given up.
    add column back_by timestamptz,
    -- Of a session with past parts: when it began, when the part before this one ended, and how long all of them
    -- lasted. joined_at is when this part began.
    add column began_at timestamptz,
    add column away_since timestamptz,
    add column watched_before interval,
    -- For which times connections that have left are known to have been here, if they were not all the while
    -- beside others.
    add column evidence tstzmultirange;
update watching_times w set back_by = o.due_at from presence_outbox o
 where o.session_id = w.id and o.type = 'offline' and o.at = w.ended_at;
-- When the part before this one ended; null: it is the session's first.
alter table past_sessions add column away_since timestamptz;

create or replace view sessions as
    select id, user_id::text, resource::text, joined_at, ended_at, ended_by,
           case when ended_at is not null then ended_within end as ended_within, away_since
      from watching_times
    union all
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since
      from past_sessions;
