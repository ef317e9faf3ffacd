-- How far a user is in a campaign by now. One row, or none if there is no such campaign:
--   watched_ms        how long they have watched for it
--   watched_today_ms  on this day of its time zone; null: it has none
--   milestones        see `progress_in_milestones`
create or replace function campaign_progress_of(p_campaign_id uuid, p_user_id text, p_now timestamptz default null)
returns table (watched_ms bigint, watched_today_ms bigint, milestones json, server_now bigint) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    perform prefer_indexes();
    return query
        select milliseconds(p.watched), watched_today_ms(p.daily, p.today),
               progress_in_milestones(c.campaign_id, p.daily, p.awarded, p.today), ms(v_now)
          from campaigns c, progress_in(c, p_user_id, v_now) as p
         where c.campaign_id = p_campaign_id;
end $$;

-- How much of what was watched by days is of today. Null: the campaign has no days.
create or replace function watched_today_ms(p_daily interval[], p_today integer) returns bigint language sql immutable as $$
    select case when p_today is not null then milliseconds(coalesce(p_daily[p_today], '0')) end
$$;

-- How long a user has watched for a campaign by now: in all, by its days, and which day it is (see `day_number`). awarded: how
-- often each milestone was reached when the user was judged last.
create or replace function progress_in(p_campaign campaigns, p_user_id text, p_now timestamptz)
returns table (watched interval, daily interval[], awarded integer[], today integer) language plpgsql stable rows 1 as $$
#variable_conflict use_column
begin
    -- Before its start it has no day.
    today := day_number(p_campaign.starts_at, least(p_now, p_campaign.ends_at), p_campaign.timezone);
    select coalesce(p.watched, '0') + u.watched, p.daily, coalesce(p.awarded, '{}') into watched, daily, awarded
      from unfinalized_of(p_user_id, p_campaign.resources, p_campaign.times, p_campaign.is_visible, p_campaign.is_each,
                          p_now) as u
           left join campaign_progress p on p.campaign_id = p_campaign.campaign_id and p.user_id = p_user_id;
    daily := sum_daily(daily, unfinalized_daily(p_campaign, p_user_id, first_unfinalized_day(p_campaign, p_user_id), today,
                                                p_now));
    return next;
end $$;

-- How far a user is in the milestones of a campaign, in the order of `milestones_of`: [{milestone, watched_seconds, days,
-- repeats, reward, claim_within_seconds, awarded, days_in_a_row}, …]. awarded: how often the user had reached it when they
-- were judged last; days_in_a_row: up to today, or up to yesterday while today is not; null: it is no streak.
create or replace function progress_in_milestones(p_campaign_id uuid, p_daily interval[], p_awarded integer[], p_today integer)
returns json language sql stable as $$
    select json_agg(json_build_object(
               'milestone', m.milestone, 'watched_seconds', extract(epoch from m.watched)::float8, 'days', m.days,
               'repeats', m.is_repeated, 'reward', m.reward,
               'claim_within_seconds', extract(epoch from m.claim_within)::float8,
               'awarded', coalesce(p_awarded[m.milestone], 0),
               'days_in_a_row', case when m.days is not null then days_in_a_row(p_daily, m.watched, p_today) end)
               order by m.days nulls first, m.watched, m.milestone)
      from campaign_milestones m where m.campaign_id = p_campaign_id
$$;
