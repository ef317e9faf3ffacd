-- Audiences of weeks and months: sums and peaks come from roll-ups, and viewers from a sample of the users.

-- The sample. Unique viewers cannot be summed up: who came on Monday and on Friday is one of the week, and a least
-- length, new viewers and retention ask for each person, too. A sketch (HyperLogLog) of each quarter hour would answer the
-- first of these only, and rows by user and day as many as there are sessions. A sample answers all, in any
-- time zone, by the same query as the whole. It is of users, by a hash of their id, so that all sessions of a user are in
-- it or none. The largest is one in eight (128 of 1,024).
create index past_sessions_sampled on past_sessions (ended_at) where hashtextextended(user_id, 0) & 1023 < 128;

-- When a user was first there, and first visible ('infinity': never), so that the sessions of all months before need not be
-- looked through for each new viewer. '-infinity': not known, ask the sessions.
alter table watch_totals
    add column first_at timestamptz not null default '-infinity',
    add column first_visible_at timestamptz not null default '-infinity';
update watch_totals t set first_at = f.first_at, first_visible_at = f.first_visible_at
  from (select user_id, coalesce(resource, '') as resource, min(joined_at) as first_at,
               coalesce(min(case when visible is not null then lower(visible)
                                 when ended_at > joined_at then joined_at end), 'infinity') as first_visible_at
          from past_sessions where replaced_by is null group by grouping sets ((user_id), (user_id, resource))) as f
 where t.user_id = f.user_id and t.resource = f.resource;

-- Roll-ups learn the most users at once: on all resources, a user on two of them is one.
alter table rollups add column peak_users integer, add column peak_users_at timestamptz;
-- They are made again. Those of months whose sessions are gone stay as they are.
delete from rollups using rollup_state where starts_at >= kept_since;
update rollup_state set rolled_up_to = kept_since where rolled_up_to > kept_since;

-- These take one word more: how many users are in the sample.
drop function if exists clips_between(timestamptz, timestamptz, timestamptz, text, text[], boolean, boolean, boolean);
drop function if exists audience_clips(timestamptz, timestamptz, timestamptz, text[], timestamptz[], boolean, boolean);
-- This one says more.
drop function if exists sums_of_rollups(tstzmultirange, timestamptz, timestamptz[], boolean, text, boolean);
