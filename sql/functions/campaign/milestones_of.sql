-- The milestones of a campaign, the first to be reached first and streaks last: [{milestone, watched_seconds, days, repeats,
-- reward, claim_within_seconds, awarded}, …].
create or replace function milestones_of(p_campaign_id uuid) returns json language sql stable as $$
    select json_agg(json_build_object(
               'milestone', m.milestone, 'watched_seconds', extract(epoch from m.watched)::float8, 'days', m.days,
               'repeats', m.is_repeated, 'reward', m.reward,
               'claim_within_seconds', extract(epoch from m.claim_within)::float8, 'awarded', m.awarded)
               order by m.days nulls first, m.watched, m.milestone)
      from campaign_milestones m where m.campaign_id = p_campaign_id
$$;

-- The limits of a campaign: see `ordered_limits`.
create or replace function limits_of(p_campaign campaigns) returns json language sql stable as $$
    select json_build_object('per_user', p_campaign.max_per_user, 'per_day', p_campaign.max_per_day,
                             'in_all', p_campaign.max_in_all,
                             'cool_down_seconds', extract(epoch from p_campaign.cool_down)::float8)
$$;
