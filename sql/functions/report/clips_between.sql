-- Sessions, and parts of sessions, clipped to [p_from, p_to): of one user and of some resources (null: of all).
-- With p_once also of a sample of the users (see is_sampled).
-- [counts_from, ends_at) is what counts of [starts_at, ends_at): all of it, or with p_once what none before it of
-- the user's clips has counted (null: nothing), so that the sum is the time that the person watched.
-- [uncertain_at, sure_at): see `clipped`. Open sessions count up to p_now. The true end of a session is at most two hours later (`leave`).
-- With p_visible only what was visible. With p_shared (see sums_of_sessions) without the sessions of sums_of_open.
-- It is inlined into its caller, so conditions on the user reach the indexes.
create or replace function clips_between(
    p_from timestamptz, p_to timestamptz, p_now timestamptz, p_user_id text, p_resources text[], p_once boolean,
    p_visible boolean, p_corrected boolean default true, p_sample integer default 1024, p_shared text[] default null
) returns table (
    user_id text, resource text, joined_at timestamptz, away_since timestamptz,
    starts_at timestamptz, ends_at timestamptz, counts_from timestamptz,
    uncertain_at timestamptz, sure_at timestamptz
) language sql stable rows 100000 as $$
    select s.user_id, s.resource, s.joined_at, s.away_since, c.starts_at, c.ends_at, c.starts_at,
           c.uncertain_at, c.sure_at
      from stays_between(p_from - interval '2 hours', p_to, p_now, p_visible, p_corrected) as s,
           clipped(s.joined_at, s.ended_at, s.ended_within, p_from, p_to, p_now) as c
     where not p_once
       and (p_user_id is null or s.user_id = p_user_id)
       and (p_resources is null or s.resource = any (p_resources))
       and (p_shared is null or s.ended_at is not null or s.user_id = any (p_shared))
       and (c.starts_at is not null or c.uncertain_at is not null)
    union all
    select user_id, resource, joined_at, away_since, starts_at, ends_at,
           case when starts_at is null then null
                when reached is null or reached < ends_at or reached = starts_at then greatest(starts_at, reached) end,
           uncertain_at, sure_at
      from (select s.user_id, s.resource, s.joined_at, s.away_since, c.*,
                   max(c.ends_at) over (partition by s.user_id order by c.starts_at, s.joined_at, c.ends_at
                                        rows between unbounded preceding and 1 preceding) as reached
              from stays_between(p_from - interval '2 hours', p_to, p_now, p_visible, p_corrected) as s,
                   clipped(s.joined_at, s.ended_at, s.ended_within, p_from, p_to, p_now) as c
             where p_once and is_sampled(s.user_id, p_sample)
               and (p_user_id is null or s.user_id = p_user_id)
               and (p_resources is null or s.resource = any (p_resources))
               and (p_shared is null or s.ended_at is not null or s.user_id = any (p_shared))
               and (c.starts_at is not null or c.uncertain_at is not null)) as each
$$;
