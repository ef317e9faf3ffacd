-- Where a campaign is between its order and its end.
create or replace function campaign_state(p_campaign campaigns, p_now timestamptz) returns text
language sql stable as $$
    select case when p_now >= p_campaign.ends_at then 'over'
                when p_campaign.paused_at is not null then 'paused'
                when p_now < p_campaign.starts_at then 'upcoming'
                else 'running' end
$$;
