-- The second clock: when a user's connections were visible. A session keeps those times as a multirange.

-- Not an end: the session goes on in its next part, because a row keeps only so many times.
alter type ending add value 'divided';

-- When a session was visible; null: all the time. Of an open one without the connections that are visible now,
-- each of which says since when it has been.
alter table watching_times add column visible tstzmultirange;
alter table past_sessions add column visible tstzmultirange;

-- visible: of an open session also what goes on, without an upper bound.
create or replace view sessions as
    select id, user_id::text, resource::text, joined_at, ended_at, ended_by,
           case when ended_at is not null then ended_within end as ended_within, away_since,
           case when visible is not null
                then visible + coalesce((
                    select range_agg(tstzrange(to_timestamp(coalesce(
                               c.value ->> 'shown', c.value ->> 'since', c.value ->> 'at')::float8), null))
                      from jsonb_each(nodes) as n, jsonb_each(n.value) as c
                     where not c.value ? 'hidden'), '{}') end as visible
      from watching_times
    union all
    select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible
      from past_sessions;

-- A hello says whether its client is visible.
drop function if exists hello(text, text, text, bigint, text, bigint, interval, integer, interval, timestamptz);
delete from migrations where name = 'functions/stream/hello.sql';
