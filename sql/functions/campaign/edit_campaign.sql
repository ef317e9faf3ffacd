-- What an edit of a campaign that has begun would take back from its viewers: the name of a field, or null. Each
-- milestone stays, with its reward: it may come earlier, be claimed for longer, and repeat. What counts stays as well,
-- since sessions that are over have been counted by it.
create or replace function taken_back(
    p_campaign campaigns, p_resources text[], p_is_visible boolean, p_is_each boolean, p_starts_at timestamptz,
    p_milestones jsonb
) returns text language sql stable as $$
    select case when ms(p_starts_at) <> ms(p_campaign.starts_at) then 'starts_at'
                when p_is_visible <> p_campaign.is_visible then 'clock'
                when p_is_each <> p_campaign.is_each then 'overlap'
                when not coalesce(p_resources @> p_campaign.resources and p_resources <@ p_campaign.resources,
                                  p_resources is null and p_campaign.resources is null) then 'resources'
                else (select 'milestone ' || m.milestone
                        from campaign_milestones m left join ordered_milestones(p_milestones) as o using (milestone)
                       where m.campaign_id = p_campaign.campaign_id
                         and not coalesce(o.watched <= m.watched and o.claim_within >= m.claim_within
                                          and o.is_repeated >= m.is_repeated and o.reward = m.reward, false)
                       order by m.milestone limit 1) end
$$;

-- Replace a campaign by another order of it. Returns one row; outcome
--   edited
--   unknown, over     there is none, or it has ended; nothing changed
--   in_past           see `times_refusal`; nothing changed
--   would_take_back   what: see `taken_back`; nothing changed
-- p_starts_at null: as it was. For the others see `create_campaign`.
create or replace function edit_campaign(
    p_campaign_id uuid, p_resources text[], p_is_visible boolean, p_is_each boolean, p_starts_at timestamptz,
    p_ends_at timestamptz, p_milestones jsonb, p_now timestamptz default null,
    out outcome text, out what text
) language plpgsql as $$
declare
    v_campaign campaigns;
    v_now timestamptz;
    v_has_begun boolean;
begin
    -- It waits for a page of users that is being judged.
    select * into v_campaign from campaigns c where c.campaign_id = p_campaign_id for update;
    v_now := coalesce(p_now, clock_timestamp());
    v_has_begun := v_now >= v_campaign.starts_at;
    what := case when v_has_begun then
        taken_back(v_campaign, p_resources, p_is_visible, p_is_each, p_starts_at, p_milestones) end;
    outcome := case when v_campaign.campaign_id is null then 'unknown'
                    when v_now >= v_campaign.ends_at then 'over'
                    when what is not null then 'would_take_back'
                    else coalesce(times_refusal(case when not v_has_begun then p_starts_at end, p_ends_at, v_now),
                                  'edited') end;
    if outcome <> 'edited' then
        return;
    end if;
    v_campaign.starts_at := case when v_has_begun then v_campaign.starts_at
                                 else greatest(coalesce(p_starts_at, v_campaign.starts_at), v_now) end;
    update campaigns c
       set resources = p_resources, is_visible = p_is_visible, is_each = p_is_each, starts_at = v_campaign.starts_at,
           ends_at = p_ends_at,
           times = c.times * tstzmultirange(tstzrange(null, v_now))
                   + case when c.paused_at is null then times_from(v_campaign.starts_at, p_ends_at, v_now) else '{}' end
     where c.campaign_id = p_campaign_id;
    delete from campaign_milestones m
     where m.campaign_id = p_campaign_id
       and m.milestone not in (select o.milestone from ordered_milestones(p_milestones) as o);
    insert into campaign_milestones as m (campaign_id, milestone, watched, is_repeated, reward, claim_within)
        select p_campaign_id, o.* from ordered_milestones(p_milestones) as o
        on conflict (campaign_id, milestone) do update
           set watched = excluded.watched, is_repeated = excluded.is_repeated, reward = excluded.reward,
               claim_within = excluded.claim_within;
end $$;
