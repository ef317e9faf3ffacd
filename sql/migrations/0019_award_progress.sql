-- The progress of an award rule belongs to a person and is kept over their sessions, days and devices. It was one
-- session's, and ended with it.

-- The old one awards by sessions: until the functions bring the new one, none is made. They are made up for.
drop function if exists award(integer, timestamptz);
delete from migrations where name = 'functions/bonus/award.sql';

-- What the sessions of a user that are finalized have added to their progress since the rule began.
create table award_progress (
    rule_id uuid     not null,
    user_id text     not null,
    watched interval not null,
    primary key (rule_id, user_id)
) with (fillfactor = 80);
-- erase_part, keep_months: those of a user.
create index award_progress_user on award_progress (user_id);
-- add_watch_totals, award: the rules that award.
create index award_rules_live on award_rules (rule_id) where ended_at is null;

-- The last award of each user. No foreign keys: to check them would lock the rule for each session that is
-- finalized, and award passes over a rule that is locked.
drop table awards;
create table awards (
    rule_id uuid   not null,
    user_id text   not null,
    nth     bigint not null,
    primary key (rule_id, user_id)
);
create index awards_user on awards (user_id);

-- Until the functions replace it by the same one.
create or replace function add_watch_totals() returns trigger language plpgsql as $$
begin
    insert into watch_totals as t (user_id, resource, watched, last_month)
        select user_id, coalesce(resource, ''), sum(ended_at - joined_at),
               date_trunc('month', max(ended_at) at time zone 'UTC')
          from finalized group by grouping sets ((user_id), (user_id, resource)) order by 1, 2
        on conflict (user_id, resource) do update
           set watched = t.watched + excluded.watched,
               last_month = greatest(t.last_month, excluded.last_month);
    -- Anything counts once, however many sessions have it: only what no other session has is added. A statement of
    -- its own: the rows above are locked now, so it sees all past sessions of these users, and no other caller
    -- adds one.
    with added as materialized (
        select n.user_id, n.whole, n.times - coalesce(others.times, '{}') as times
          from (select user_id, min(joined_at) as since, sum(ended_at - joined_at) as whole,
                       range_agg(tstzrange(joined_at, ended_at)) as times, array_agg((id, ended_at)) as keys
                  from finalized group by user_id) as n,
               lateral (select range_agg(tstzrange(p.joined_at, p.ended_at)) as times from past_sessions p
                         where p.user_id = n.user_id and p.ended_at > n.since
                           and (p.id, p.ended_at) <> all (n.keys)) as others
    ),
    counted_once as (
        update watch_totals t set watched = t.watched - (a.whole - length_of(a.times)) from added a
         where a.whole > length_of(a.times) and t.user_id = a.user_id and t.resource = ''
    )
    insert into award_progress as p (rule_id, user_id, watched)
        select rule_id, user_id, watched
          from (select r.rule_id, a.user_id, length_of(a.times * tstzmultirange(tstzrange(r.created_at, null))) as watched
                  from award_rules r, added a
                 where r.resource is null and r.ended_at is null
                union all
                select r.rule_id, f.user_id, sum(f.ended_at - greatest(f.joined_at, r.created_at))
                  from award_rules r join finalized f on f.resource = r.resource and f.ended_at > r.created_at
                 where r.ended_at is null group by 1, 2) as theirs
         where watched > interval '0' order by 1, 2
        on conflict (rule_id, user_id) do update set watched = p.watched + excluded.watched;
    return null;
end $$;

-- It waits for sessions that are being finalized, and keeps out others until the progress is there.
lock table past_sessions in share row exclusive mode;
insert into award_progress (rule_id, user_id, watched)
    select r.rule_id, p.user_id, length_of(range_agg(tstzrange(greatest(p.joined_at, r.created_at), p.ended_at)))
      from award_rules r
           join past_sessions p on p.ended_at > r.created_at and (r.resource is null or p.resource = r.resource)
     where r.ended_at is null group by r.rule_id, p.user_id;
-- What users have reached up to now counts as awarded: the most part of it was, and none shall be twice. The rest
-- of their progress stays.
insert into awards (rule_id, user_id, nth)
    select rule_id, user_id, nth
      from (select r.rule_id, s.user_id,
                   floor(extract(epoch from length_of(range_agg(tstzrange(
                             greatest(s.joined_at, r.created_at), coalesce(s.ended_at, now())))))
                         / extract(epoch from r.every))::bigint as nth
              from award_rules r
                   join sessions s on coalesce(s.ended_at, now()) > greatest(s.joined_at, r.created_at)
                                  and (r.resource is null or s.resource = r.resource)
             where r.ended_at is null group by r.rule_id, s.user_id) as reached
     where nth > 0;
