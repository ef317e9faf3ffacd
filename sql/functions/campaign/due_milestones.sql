-- The milestones that users have reached and were not awarded yet, as far as the campaign's limits let them have them, and
-- how often they have reached them by now: of the users after p_after up to p_upto who are online, on any resource; or, to
-- settle, of all. Of more than a user may have now, the first milestones; of more than all may have, the first of each user.
-- And with milestone null the users who may have more and have come to another step since they were told last how far they
-- are. watched: what sessions that are finalized have added (as they were recorded: no correction takes an award back), and
-- what the others have run up by now.
create or replace function due_milestones(
    p_campaign campaigns, p_after text, p_upto text, p_settles boolean, p_now timestamptz
) returns table (user_id text, milestone smallint, nth integer, watched interval) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_today integer := day_number(p_campaign.starts_at, least(p_now, p_campaign.ends_at), p_campaign.timezone);
    v_has_days boolean := p_campaign.timezone is not null;
    v_has_limits boolean := num_nonnulls(p_campaign.max_per_user, p_campaign.max_per_day, p_campaign.cool_down) > 0;
    v_has_streaks boolean := exists (select from campaign_milestones m
                                      where m.campaign_id = p_campaign.campaign_id and m.days is not null);
    v_left bigint := p_campaign.max_in_all - (select sum(m.awarded) from campaign_milestones m
                                               where m.campaign_id = p_campaign.campaign_id);
    v_steps interval[] := steps_of(p_campaign.campaign_id);
    v_repeats interval[] := array(select m.watched from campaign_milestones m
                                   where m.campaign_id = p_campaign.campaign_id and m.is_repeated and m.days is null);
    -- Most campaigns: each milestone once, numbered in their order. Then what is awarded says what is due.
    v_ends interval[] := array(select m.watched from campaign_milestones m
                                where m.campaign_id = p_campaign.campaign_id order by m.milestone);
    v_is_plain boolean := not v_has_streaks and v_repeats = '{}' and v_ends = array(select unnest(v_ends) order by 1)
                          and cardinality(v_ends) = (select max(m.milestone) from campaign_milestones m
                                                      where m.campaign_id = p_campaign.campaign_id);
begin
    if v_left <= 0 then
        return;
    end if;
    return query
        with milestones as materialized (
            select m.milestone, m.watched, m.days, m.is_repeated from campaign_milestones m
             where m.campaign_id = p_campaign.campaign_id
        ),
        here as (
            -- At most so long: this counts a moment twice that two sessions have, and pauses. Most are not due, and need
            -- no more.
            select w.user_id::text,
                   sum(case when p_campaign.resources is not null and w.resource <> all (p_campaign.resources) then '0'
                            when p_campaign.is_visible and w.visible is not null
                            then visible_length(shown_times(w), starts_at, ends_at)
                            else greatest(ends_at - starts_at, '0') end) as at_most,
                   min(starts_at) as since
              from watching_times w,
                   lateral (select greatest(w.joined_at, p_campaign.starts_at) as starts_at,
                                   least(coalesce(w.ended_at, p_now), p_campaign.ends_at) as ends_at) as each
             where w.user_id > p_after and w.user_id <= p_upto
               and (p_campaign.test_user_ids is null or w.user_id = any (p_campaign.test_user_ids))
             group by w.user_id having p_settles or bool_or(w.ended_at is null)
        ),
        away as (
            select p.user_id, interval '0', cast(null as timestamptz) from campaign_progress p
             where p_settles and p.campaign_id = p_campaign.campaign_id and p.user_id > p_after and p.user_id <= p_upto
               and (select true from watching_times w where w.user_id = p.user_id limit 1) is null
        ),
        likely as (
            select e.user_id, e.before, e.awarded, e.daily, e.told, e.first, e.may_have
              -- One by one: a join could go through all progress of the campaign for each user.
              from (select h.user_id, h.at_most, coalesce(p.watched, '0') as before, p.awarded, p.daily,
                           coalesce(p.told, '0') as told,
                           case when v_has_days then day_number(p_campaign.starts_at, h.since, p_campaign.timezone) end as first,
                           case when v_has_streaks
                                then daily_at_most(p.daily, day_number(p_campaign.starts_at, h.since, p_campaign.timezone),
                                                   v_today, h.at_most) end as daily_at_most,
                           case when v_has_limits then may_have(p_campaign, p.awards, p.awards_of_day, p.last_award_at, p_now)
                                else 12 end as may_have
                      from (table here union all table away) as h
                           left join lateral (select g.watched, g.awarded, g.daily, g.told, g.awards, g.awards_of_day,
                                                     g.last_award_at
                                                from campaign_progress g
                                               where g.campaign_id = p_campaign.campaign_id and g.user_id = h.user_id
                                              offset 0) as p on true
                    offset 0) as e
             where e.may_have > 0
               -- Not by `steps_in` where nothing repeats: it would be called for each user.
               and (width_bucket(e.before + e.at_most, v_steps) > width_bucket(e.told, v_steps)
                    or v_repeats <> '{}'
                       and steps_in(e.before + e.at_most, v_steps, v_repeats) > steps_in(e.told, v_steps, v_repeats)
                    or v_is_plain and has_unawarded(e.awarded, width_bucket(e.before + e.at_most, v_ends))
                    or not v_is_plain and exists (
                        select from milestones m
                         where case when m.days is null
                                    then is_due(m.watched, m.is_repeated, e.awarded[m.milestone], e.before + e.at_most)
                                    else v_today >= m.days
                                         and is_streak_due(m.watched, m.days, m.is_repeated, e.awarded[m.milestone],
                                                           e.daily_at_most) end))
        ),
        judged as materialized (
            select l.user_id, l.awarded, l.told, l.may_have, l.before + u.watched as watched,
                   not v_is_plain or has_unawarded(l.awarded, width_bucket(l.before + u.watched, v_ends)) as may_be_due,
                   case when v_has_streaks
                        then sum_daily(l.daily, unfinalized_daily(p_campaign, l.user_id, l.first, v_today, p_now)) end as daily
              from likely l,
                   -- Once, not for each use of it.
                   lateral (select watched from unfinalized_of(
                                l.user_id, p_campaign.resources, p_campaign.times, p_campaign.is_visible,
                                p_campaign.is_each, p_now) offset 0) as u
        ),
        due as (
            select j.user_id, m.milestone, j.may_have, j.watched,
                   case when m.days is null then times_reached(m.watched, m.is_repeated, j.watched)
                        when m.is_repeated then streaks(j.daily, m.watched, m.days) else 1 end as nth,
                   row_number() over (partition by j.user_id order by m.days nulls first, m.watched, m.milestone) as place
              from judged j join milestones m
                   on j.may_be_due
                      and case when m.days is null then is_due(m.watched, m.is_repeated, j.awarded[m.milestone], j.watched)
                               else is_streak_due(m.watched, m.days, m.is_repeated, j.awarded[m.milestone], j.daily) end
        )
        (select d.user_id, d.milestone, d.nth, d.watched from due d
          where d.place <= d.may_have order by d.place, d.user_id limit v_left)
        union all
        select j.user_id, null, null, j.watched from judged j
         where not p_settles
           and case when v_repeats = '{}' then width_bucket(j.watched, v_steps) > width_bucket(j.told, v_steps)
                    else steps_in(j.watched, v_steps, v_repeats) > steps_in(j.told, v_steps, v_repeats) end;
end $$;

-- After how long users are told that they have come further: at each quarter of a milestone that is beyond the one before, and
-- at its end; in order. Without those that repeat, and streaks.
create or replace function steps_of(p_campaign_id uuid) returns interval[] language sql stable as $$
    select array(select distinct m.watched * (quarters / 4.0)
                   from (select watched, lag(watched, 1, interval '0') over (order by watched) as before
                           from campaign_milestones
                          where campaign_id = p_campaign_id and days is null and not is_repeated) as m,
                        generate_series(1, 4) as quarters
                  where m.watched * (quarters / 4.0) > m.before order by 1)
$$;

-- To how many steps a user has come, of p_steps (see `steps_of`) and at each quarter of the milestones that repeat.
create or replace function steps_in(p_watched interval, p_steps interval[], p_repeats interval[]) returns bigint
language sql immutable as $$
    select width_bucket(p_watched, p_steps)
           + case when p_repeats = '{}' then 0
                  else (select sum(floor(4 * extract(epoch from p_watched) / extract(epoch from length)))::bigint
                          from unnest(p_repeats) as length) end
$$;

-- Whether a milestone is due after p_watched that was awarded so often.
create or replace function is_due(p_milestone interval, p_is_repeated boolean, p_awarded integer, p_watched interval)
returns boolean language sql immutable as $$
    select p_watched >= p_milestone * (coalesce(p_awarded, 0) + 1) and (p_is_repeated or coalesce(p_awarded, 0) = 0)
$$;

-- Whether one of the first p_reached milestones was not awarded yet.
create or replace function has_unawarded(p_awarded integer[], p_reached integer) returns boolean
language sql immutable as $$
    select coalesce(cardinality(array_remove(p_awarded[:p_reached], null)), 0) < p_reached
$$;

-- How often a milestone is reached after p_watched.
create or replace function times_reached(p_milestone interval, p_is_repeated boolean, p_watched interval)
returns integer language sql immutable as $$
    select case when p_is_repeated
                then floor(extract(epoch from p_watched) / extract(epoch from p_milestone))::integer
                else (p_watched >= p_milestone)::integer end
$$;

-- Whether a milestone of days in a row is due that was awarded so often.
create or replace function is_streak_due(
    p_watched interval, p_days smallint, p_is_repeated boolean, p_awarded integer, p_daily interval[]
) returns boolean language sql immutable as $$
    select (p_is_repeated or coalesce(p_awarded, 0) = 0) and streaks(p_daily, p_watched, p_days) > coalesce(p_awarded, 0)
$$;

-- What a user has watched by days at most, who has sessions since the day p_first that are not finalized, all together of
-- p_at_most.
create or replace function daily_at_most(p_daily interval[], p_first integer, p_today integer, p_at_most interval)
returns interval[] language plpgsql immutable as $$
declare
    v_daily interval[] := p_daily;
begin
    for n in coalesce(p_first, p_today + 1) .. p_today loop
        v_daily[n] := coalesce(v_daily[n], '0') + p_at_most;
    end loop;
    return v_daily;
end $$;

-- How many awards a user may have now by the limits of a campaign who has had so many in all, and on the day of the last one.
create or replace function may_have(
    p_campaign campaigns, p_awards integer, p_awards_of_day integer, p_last_at timestamptz, p_now timestamptz
) returns integer language sql immutable as $$
    select least(12, p_campaign.max_per_user - coalesce(p_awards, 0),
                 p_campaign.max_per_day - case when day_of(p_last_at, p_campaign.timezone)
                                                    >= day_of(p_now, p_campaign.timezone)
                                               then p_awards_of_day else 0 end,
                 case when p_campaign.cool_down is not null
                      then (p_last_at is null or p_now >= p_last_at + p_campaign.cool_down)::integer end)
$$;
