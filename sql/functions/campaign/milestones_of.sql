-- The milestones of a campaign, the first to be reached first: [{milestone, watched_seconds, repeats, reward,
-- claim_within_seconds, awarded}, …].
create or replace function milestones_of(p_campaign_id uuid) returns json language sql stable as $$
    select json_agg(json_build_object(
               'milestone', m.milestone, 'watched_seconds', extract(epoch from m.watched)::float8, 'repeats', m.is_repeated,
               'reward', m.reward, 'claim_within_seconds', extract(epoch from m.claim_within)::float8,
               'awarded', m.awarded) order by m.watched, m.milestone)
      from campaign_milestones m where m.campaign_id = p_campaign_id
$$;
