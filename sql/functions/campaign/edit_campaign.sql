-- What another order of a campaign that has begun would take back from its viewers: the name of a field, or null. Each
-- milestone stays, with its reward: it may come earlier, be claimed for longer, and repeat. A limit may only be widened. What
-- counts stays as well, since sessions that are over have been counted by it.
create or replace function taken_back(p_campaign campaigns, p_wanted campaigns, p_milestones jsonb)
returns text language sql stable as $$
    select case when p_wanted.starts_at <> p_campaign.starts_at then 'starts_at'
                when p_wanted.is_visible <> p_campaign.is_visible then 'clock'
                when p_wanted.is_each <> p_campaign.is_each then 'overlap'
                when p_wanted.timezone is distinct from p_campaign.timezone then 'timezone'
                when not coalesce(p_wanted.resources @> p_campaign.resources and p_wanted.resources <@ p_campaign.resources,
                                  p_wanted.resources is null and p_campaign.resources is null) then 'resources'
                when p_wanted.test_user_ids is not null then 'test_user_ids'
                when coalesce(p_wanted.max_per_user < coalesce(p_campaign.max_per_user, 'infinity'::float8), false)
                then 'limits.per_user'
                when coalesce(p_wanted.max_per_day < coalesce(p_campaign.max_per_day, 'infinity'::float8), false)
                then 'limits.per_day'
                when coalesce(p_wanted.max_in_all < coalesce(p_campaign.max_in_all, 'infinity'::float8), false)
                then 'limits.in_all'
                when coalesce(p_wanted.cool_down, '0') > coalesce(p_campaign.cool_down, '0')
                then 'limits.cool_down_seconds'
                else (select 'milestone ' || m.milestone
                        from campaign_milestones m left join ordered_milestones(p_milestones) as o using (milestone)
                       where m.campaign_id = p_campaign.campaign_id
                         and not coalesce(o.watched <= m.watched and o.claim_within >= m.claim_within
                                          and (o.days is null) = (m.days is null) and coalesce(o.days <= m.days, true)
                                          and o.is_repeated >= m.is_repeated and o.reward = m.reward, false)
                       order by m.milestone limit 1) end
$$;

-- Replace a campaign by another order of it. Returns one row; outcome
--   edited
--   unknown, over     there is none, or it has ended; nothing changed
--   in_past, unknown_timezone   see `times_refusal`; nothing changed
--   would_take_back   what: see `taken_back`; nothing changed
-- p_starts_at null: as it was. For the others see `create_campaign`. A test begins again: what its users have watched for it
-- so far does not count, and was not awarded.
create or replace function edit_campaign(
    p_campaign_id uuid, p_resources text[], p_is_visible boolean, p_is_each boolean, p_starts_at timestamptz,
    p_ends_at timestamptz, p_milestones jsonb, p_timezone text default null, p_limits jsonb default null,
    p_announced_at timestamptz default null, p_test_user_ids text[] default null, p_now timestamptz default null,
    out outcome text, out what text
) language plpgsql as $$
declare
    v_campaign campaigns;
    v_wanted campaigns;
    v_now timestamptz;
    v_has_begun boolean;
    -- Only what is new may be in the past.
    v_starts_at timestamptz;
    v_announced_at timestamptz;
begin
    -- It waits for a page of users that is being judged.
    select * into v_campaign from campaigns c where c.campaign_id = p_campaign_id for update;
    -- And for their sessions that are being finalized, which may add to the test that ends here.
    perform from watch_totals t where t.user_id = any (v_campaign.test_user_ids) order by t.user_id, t.resource for update;
    v_now := coalesce(p_now, clock_timestamp());
    v_has_begun := v_now >= v_campaign.starts_at and v_campaign.test_user_ids is null;
    v_starts_at := case when ms(p_starts_at) <> ms(v_campaign.starts_at) then p_starts_at end;
    v_announced_at := case when ms(p_announced_at) is distinct from ms(v_campaign.announced_at) then p_announced_at end;
    v_wanted := v_campaign;
    v_wanted.resources := p_resources;
    v_wanted.is_visible := p_is_visible;
    v_wanted.is_each := p_is_each;
    v_wanted.timezone := p_timezone;
    v_wanted.test_user_ids := p_test_user_ids;
    select l.* into v_wanted.max_per_user, v_wanted.max_per_day, v_wanted.max_in_all, v_wanted.cool_down
      from ordered_limits(p_limits) as l;
    v_wanted.starts_at := case when v_has_begun then coalesce(v_starts_at, v_campaign.starts_at)
                               else greatest(coalesce(v_starts_at, v_campaign.starts_at), v_now) end;
    what := case when v_has_begun then taken_back(v_campaign, v_wanted, p_milestones) end;
    outcome := case when v_campaign.campaign_id is null then 'unknown'
                    when v_now >= v_campaign.ends_at then 'over'
                    when what is not null then 'would_take_back'
                    when p_ends_at <= v_wanted.starts_at then 'in_past'
                    else coalesce(times_refusal(case when not v_has_begun then v_starts_at end, p_ends_at,
                                                case when not v_has_begun then v_announced_at end, p_timezone, v_now),
                                  'edited') end;
    if outcome <> 'edited' then
        return;
    end if;
    update campaigns c
       set resources = p_resources, is_visible = p_is_visible, is_each = p_is_each, timezone = p_timezone,
           starts_at = v_wanted.starts_at, ends_at = p_ends_at,
           times = case when v_has_begun then c.times * tstzmultirange(tstzrange(null, v_now)) else '{}' end
                   + case when c.paused_at is null then times_from(v_wanted.starts_at, p_ends_at, v_now) else '{}' end,
           announced_at = case when v_has_begun then c.announced_at else p_announced_at end,
           max_per_user = v_wanted.max_per_user, max_per_day = v_wanted.max_per_day, max_in_all = v_wanted.max_in_all,
           cool_down = v_wanted.cool_down, test_user_ids = p_test_user_ids
     where c.campaign_id = p_campaign_id;
    perform edit_milestones(v_campaign, p_milestones);
end $$;

-- Replace the milestones of a campaign. Of a test, nothing is left.
create or replace function edit_milestones(p_campaign campaigns, p_milestones jsonb) returns void language plpgsql as $$
begin
    if p_campaign.test_user_ids is not null then
        delete from campaign_progress p where p.campaign_id = p_campaign.campaign_id;
        update campaign_milestones m set awarded = 0 where m.campaign_id = p_campaign.campaign_id;
    end if;
    delete from campaign_milestones m
     where m.campaign_id = p_campaign.campaign_id
       and m.milestone not in (select o.milestone from ordered_milestones(p_milestones) as o);
    insert into campaign_milestones as m (campaign_id, milestone, watched, is_repeated, reward, claim_within, days)
        select p_campaign.campaign_id, o.* from ordered_milestones(p_milestones) as o
        on conflict (campaign_id, milestone) do update
           set watched = excluded.watched, is_repeated = excluded.is_repeated, reward = excluded.reward,
               claim_within = excluded.claim_within, days = excluded.days;
end $$;
