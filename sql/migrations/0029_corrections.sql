-- Corrections: a past session that was wrong gets other rows beside its own, which stay as they were recorded.

create table corrections (
    correction_id uuid primary key,
    session_id bigint not null,
    user_id text not null check (length(user_id) between 1 and 128),
    resource text not null,
    -- 1 for the first correction of a session.
    revision integer not null check (revision > 0),
    -- When the user was there; empty: the session did not happen.
    times tstzmultirange not null,
    reason text not null check (length(reason) between 1 and 1000),
    author text not null check (length(author) between 1 and 128),
    at timestamptz not null,
    -- The last month in which the session ended, as recorded or corrected: the entry is kept as long.
    last_month date not null,
    -- Of the order, to recognise a repeat. Null once the user is erased.
    fingerprint text
);
-- What was said of a session, and one at a time says it.
create unique index corrections_session on corrections (session_id, revision);
create index corrections_user on corrections (user_id, at, correction_id);
create index corrections_newest on corrections (at, correction_id);
create index corrections_last_month on corrections (last_month);

-- revision: which correction has written a row; 0: as it was recorded. replaced_by: which one has replaced it; null: the
-- row is in force. The key has the revision, because a corrected session may end when it was recorded to end. Sessions are
-- not finalized while the index is built.
alter table past_sessions
    add column revision integer not null default 0,
    add column replaced_by integer,
    add constraint replaced_by_a_later_one check (replaced_by > revision),
    drop constraint past_sessions_pkey,
    add constraint past_sessions_pkey primary key (ended_at, id, revision);

-- A session that is to be corrected: see `find_correctable`.
create type correctable as (
    resource text, joined_at timestamptz, ended_at timestamptz, ended_by ending, visible tstzmultirange,
    revision integer, times tstzmultirange, moments timestamptz[], last_at timestamptz
);

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
      from past_sessions where replaced_by is null;

-- Claims ask these: until the functions replace them by the same ones.
create function read_past(p_corrected boolean) returns setof past_sessions
language sql stable rows 100000 as $$
    select * from past_sessions where case when p_corrected then replaced_by is null else revision = 0 end
$$;

drop function if exists unfinalized(text, text, timestamptz, timestamptz);
create function unfinalized(
    p_user_id text, p_resource text, p_from timestamptz, p_now timestamptz, p_corrected boolean default true
) returns table (watched interval) language sql stable rows 1 as $$
    select length_of(times - coalesce(
               (select range_agg(tstzrange(p.joined_at, p.ended_at)) from read_past(p_corrected) p
                 where p_resource is null and p.user_id = p_user_id
                   and (p.user_id, p.ended_at) > (p_user_id, since)), '{}'))
      from (select range_agg(tstzrange(starts_at, greatest(starts_at, ends_at))) as times, min(starts_at) as since
              from (select greatest(joined_at, p_from) as starts_at, coalesce(ended_at, p_now) as ends_at
                      from watching_times
                     where user_id = p_user_id and (p_resource is null or resource = p_resource)) as theirs) as now
$$;

-- These take one word more: whether sessions are read as they were corrected.
drop function if exists sessions_of(text);
drop function if exists sessions_between(timestamptz, timestamptz);
drop function if exists stays_between(timestamptz, timestamptz, timestamptz, boolean);
drop function if exists sums_of_sessions(
    timestamptz, timestamptz, timestamptz, timestamptz, timestamptz[], text[], text, text, boolean);
drop function if exists watch_time_of_all(timestamptz, timestamptz, text, text, boolean, text, timestamptz, boolean);
drop function if exists viewers_in_sessions(timestamptz, timestamptz, interval, text, interval, timestamptz);
drop function if exists viewers_in_steps(timestamptz, timestamptz, interval, text, interval, timestamptz);
drop function if exists clips_between(timestamptz, timestamptz, timestamptz, text, text[], boolean, boolean);
drop function if exists audience_clips(timestamptz, timestamptz, timestamptz, text[], timestamptz[], boolean);
