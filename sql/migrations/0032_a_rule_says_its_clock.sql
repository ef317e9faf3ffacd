-- A rule says which clock it pays, and totals know both.

alter table award_rules add column is_visible boolean not null default false;
-- min_watched counts visible time only.
alter table bonuses
    add column is_visible boolean not null default false,
    add constraint a_clock_counts_something check (not is_visible or min_watched is not null);
-- How much of watched was not visible.
alter table watch_totals add column hidden interval not null default '0';

-- These take one word more, or answer with one.
drop function if exists hello(
    text, text, text, bigint, text, bigint, interval, integer, interval, boolean, bigint, timestamptz);
drop function if exists watch(
    text, text, text, text, interval, interval, integer, interval, timestamptz);
drop function if exists create_bonus(
    uuid, jsonb, text, text, text[], interval, interval, integer, interval, timestamptz, boolean, text, uuid, timestamptz);
drop function if exists unexpired_bonuses(text, text, timestamptz);
drop function if exists correct_totals(text, text, bigint, tstzmultirange, tstzmultirange);
drop function if exists unfinalized(text, text, timestamptz, timestamptz, boolean);
delete from migrations where name in (
    'functions/stream/hello.sql', 'functions/presence/watch.sql', 'functions/bonus/create_bonus.sql',
    'functions/bonus/unexpired_bonuses.sql', 'functions/correction/correct_totals.sql',
    'functions/presence/unfinalized.sql');

-- Claims and the trigger ask these: until the functions replace them by the same ones.
create or replace function shown_times(p_session watching_times) returns tstzmultirange
language sql stable as $$
    select case when p_session.visible is not null then p_session.visible + shown_now(p_session.nodes) end
$$;

create or replace function counted_times(
    p_from timestamptz, p_to timestamptz, p_shown tstzmultirange, p_visible boolean
) returns tstzmultirange language sql immutable as $$
    select case when p_visible and p_shown is not null
                then p_shown * tstzmultirange(tstzrange(p_from, p_to)) else tstzmultirange(tstzrange(p_from, p_to)) end
$$;

create or replace function hidden_length(p_joined_at timestamptz, p_ended_at timestamptz, p_visible tstzmultirange)
returns interval language sql immutable as $$
    select case when p_visible is null then interval '0' else p_ended_at - p_joined_at - length_of(p_visible) end
$$;

create or replace function unfinalized(
    p_user_id text, p_resource text, p_from timestamptz, p_now timestamptz, p_corrected boolean default true,
    p_visible boolean default false
) returns table (watched interval) language sql stable rows 1 as $$
    select length_of(times - coalesce(
               (select range_agg(counted_times(p.joined_at, p.ended_at, p.visible, p_visible))
                  from read_past(p_corrected) p
                 -- On one resource no two sessions overlap. As a pair: see add_watch_totals.
                 where p_resource is null
                   and (p.user_id, p.ended_at) > (p_user_id, since) and p.user_id <= p_user_id), '{}'))
      from (select range_agg(counted_times(starts_at, greatest(starts_at, ends_at), shown, p_visible)) as times,
                   min(starts_at) as since
              from (select greatest(joined_at, p_from) as starts_at, coalesce(ended_at, p_now) as ends_at,
                           case when p_visible then shown_times(w) end as shown
                      from watching_times w
                     where user_id = p_user_id and (p_resource is null or resource = p_resource)) as theirs) as now
$$;

create or replace function add_watch_totals() returns trigger language plpgsql as $$
begin
    perform prefer_indexes();
    insert into watch_totals as t (user_id, resource, watched, hidden, last_month)
        select user_id, coalesce(resource, ''), sum(ended_at - joined_at), sum(hidden_length(joined_at, ended_at, visible)),
               date_trunc('month', max(ended_at) at time zone 'UTC')
          from finalized where revision = 0 group by grouping sets ((user_id), (user_id, resource)) order by 1, 2
        on conflict (user_id, resource) do update
           set watched = t.watched + excluded.watched, hidden = t.hidden + excluded.hidden,
               last_month = greatest(t.last_month, excluded.last_month);
    -- Anything counts once, however many sessions have it: only what no other session has is added. A statement of
    -- its own: the rows above are locked now, so it sees all past sessions of these users, and no other caller
    -- adds one. A pair and its upper bound say "this user's since then", and only the index by users can answer
    -- that. Said by "=" and ">", the one by ended_at can as well: on a small table the planner takes either, and
    -- keeps that plan when a crowd has come.
    with added as materialized (
        select n.user_id, n.whole, n.hidden, n.times - coalesce(others.times, '{}') as times,
               n.shown - coalesce(others.shown, '{}') as shown,
               n.times - coalesce(others.recorded, '{}') as recorded,
               n.shown - coalesce(others.recorded_shown, '{}') as recorded_shown
          from (select user_id, min(joined_at) as since, sum(ended_at - joined_at) as whole,
                       sum(hidden_length(joined_at, ended_at, visible)) as hidden, range_agg(tstzrange(joined_at, ended_at)) as times,
                       range_agg(counted_times(joined_at, ended_at, visible, true)) as shown,
                       array_agg((id, ended_at)) as keys
                  from finalized where revision = 0 group by user_id) as n,
               lateral (select range_agg(t.whole) filter (where p.replaced_by is null) as times,
                               range_agg(t.shown) filter (where p.replaced_by is null) as shown,
                               range_agg(t.whole) filter (where p.revision = 0) as recorded,
                               range_agg(t.shown) filter (where p.revision = 0) as recorded_shown
                          from past_sessions p,
                               lateral (select tstzrange(p.joined_at, p.ended_at) as whole,
                                               counted_times(p.joined_at, p.ended_at, p.visible, true) as shown) as t
                         where (p.user_id, p.ended_at) > (n.user_id, n.since) and p.user_id <= n.user_id
                           and (p.id, p.ended_at) <> all (n.keys)) as others
    ),
    counted_once as (
        update watch_totals t set watched = t.watched - (a.whole - length_of(a.times)),
                                  hidden = t.hidden - (a.hidden - (length_of(a.times) - length_of(a.shown)))
          from added a
         where a.whole > length_of(a.times) and t.user_id = a.user_id and t.resource = ''
    )
    insert into award_progress as p (rule_id, user_id, watched)
        select rule_id, user_id, watched
          from (select r.rule_id, a.user_id,
                       length_of(case when r.is_visible then a.recorded_shown else a.recorded end
                                 * tstzmultirange(tstzrange(r.created_at, null))) as watched
                  from award_rules r, added a
                 where r.resource is null and r.ended_at is null
                union all
                select r.rule_id, f.user_id,
                       sum(case when r.is_visible
                                then visible_length(f.visible, greatest(f.joined_at, r.created_at), f.ended_at)
                                else f.ended_at - greatest(f.joined_at, r.created_at) end)
                  from award_rules r join finalized f on f.resource = r.resource and f.ended_at > r.created_at
                 where r.ended_at is null and f.revision = 0 group by 1, 2) as theirs
         where watched > interval '0' order by 1, 2
        on conflict (rule_id, user_id) do update set watched = p.watched + excluded.watched;
    return null;
end $$;

-- It waits for sessions that are being finalized, and keeps out others until the totals are right. Of months that
-- are dropped nothing is known any more: they count as visible.
lock table past_sessions in share row exclusive mode;
update watch_totals t set hidden = o.hidden
  from (select user_id, coalesce(resource, '') as resource,
               length_of(range_agg(tstzrange(joined_at, ended_at)))
               - length_of(range_agg(counted_times(joined_at, ended_at, visible, true))) as hidden
          from past_sessions
         where replaced_by is null and user_id in (select user_id from past_sessions where visible is not null)
         group by grouping sets ((user_id), (user_id, resource))) as o
 where o.hidden > interval '0' and t.user_id = o.user_id and t.resource = o.resource;
