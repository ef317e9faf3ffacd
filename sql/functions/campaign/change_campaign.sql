-- Pause a campaign, resume it or end it (p_change), from now on: what was watched stays counted, and what was reached is
-- awarded. Twice changes nothing. Returns
--   changed, unchanged
--   unknown  there is none
--   over     it has ended: it can be neither paused nor resumed
create or replace function change_campaign(p_campaign_id uuid, p_change text, p_now timestamptz default null)
returns text language plpgsql as $$
declare
    v_campaign campaigns;
    v_now timestamptz;
begin
    select * into v_campaign from campaigns c where c.campaign_id = p_campaign_id for update;
    v_now := coalesce(p_now, clock_timestamp());
    if v_campaign.campaign_id is null then
        return 'unknown';
    elsif v_now >= v_campaign.ends_at then
        return case when p_change = 'end' then 'unchanged' else 'over' end;
    elsif p_change = 'pause' and v_campaign.paused_at is not null
          or p_change = 'resume' and v_campaign.paused_at is null then
        return 'unchanged';
    end if;
    update campaigns c
       set times = c.times * tstzmultirange(tstzrange(null, v_now))
                   + case when p_change = 'resume' then times_from(c.starts_at, c.ends_at, v_now) else '{}' end,
           paused_at = case p_change when 'pause' then v_now when 'end' then c.paused_at end,
           ends_at = case when p_change = 'end' then v_now else c.ends_at end
     where c.campaign_id = p_campaign_id;
    return 'changed';
end $$;
