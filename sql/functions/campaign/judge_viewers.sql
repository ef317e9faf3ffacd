-- Award the milestones that a page of users has reached: one bonus for each milestone that is due, offered to all of the page at
-- once, none twice. A milestone that was reached several times at once is awarded once. Users who have come to another step
-- are told so, once each. Returns how many bonuses that made. Pages may be judged at once; one that comes so late that the next
-- round (`take_viewers`) has begun does nothing.
create or replace function judge_viewers(
    p_campaign_id uuid, p_round bigint, p_after text, p_upto text, p_settles boolean default false,
    p_now timestamptz default null
) returns integer language plpgsql as $$
declare
    v_campaign campaigns;
    v_now timestamptz;
    v_user_ids text[];
    v_milestones smallint[];
    v_nths integer[];
    v_watched interval[];
    v_made integer;
begin
    perform share_campaign(p_campaign_id, p_after), plan_for_pages();
    -- An edit waits for it.
    select * into v_campaign from campaigns c where c.campaign_id = p_campaign_id and c.round = p_round for key share;
    if not found then
        return 0;
    end if;
    v_now := coalesce(p_now, clock_timestamp());
    select array_agg(d.user_id), array_agg(d.milestone), array_agg(d.nth), array_agg(d.watched)
      into v_user_ids, v_milestones, v_nths, v_watched
      from due_milestones(v_campaign, p_after, p_upto, p_settles, v_now) as d;
    if v_user_ids is null then
        return 0;
    end if;
    v_made := award_milestones(v_campaign, v_user_ids, v_milestones, v_now);
    perform note_progress(v_campaign, v_user_ids, v_milestones, v_nths, v_watched, v_now);
    -- Last, and in one order: pages that are judged beside this one wait for its end here.
    perform from campaign_milestones m where m.campaign_id = p_campaign_id and m.milestone = any (v_milestones)
      order by m.milestone for no key update;
    update campaign_milestones m set awarded = m.awarded + d.awards
      from (select milestone, count(*) as awards from unnest(v_milestones) as milestone
             where milestone is not null group by milestone) as d
     where m.campaign_id = p_campaign_id and m.milestone = d.milestone;
    return v_made;
end $$;

-- Offer the bonuses of milestones to users who have reached them: one of each, p_milestones[n] to p_user_ids[n], null to none.
-- Returns how many bonuses.
create or replace function award_milestones(
    p_campaign campaigns, p_user_ids text[], p_milestones smallint[], p_now timestamptz
) returns integer language plpgsql as $$
declare
    v_made integer := 0;
    v_due record;
    v_bonus_id uuid;
begin
    for v_due in
        select m.milestone, m.reward, m.claim_within, d.user_ids
          from (select milestone, array_agg(user_id order by user_id) as user_ids
                  from unnest(p_user_ids, p_milestones) as due (user_id, milestone)
                 where milestone is not null group by milestone) as d
               -- Outer, so that it is looked up for each of them, not all of them for each milestone.
               left join campaign_milestones m on m.campaign_id = p_campaign.campaign_id and m.milestone = d.milestone
         order by m.milestone
    loop
        v_bonus_id := gen_random_uuid();
        perform create_bonus(
            v_bonus_id, v_due.reward, 'users', null, v_due.user_ids, interval '0', v_due.claim_within, null, null,
            p_acknowledge => true, p_rule_id => p_campaign.campaign_id, p_milestone => v_due.milestone, p_now => p_now);
        insert into webhook_outbox (type, user_id, at, data)
            select 'campaign.milestone', user_id, p_now, jsonb_build_object(
                       'campaign_id', p_campaign.campaign_id, 'milestone', v_due.milestone, 'bonus_id', v_bonus_id)
              from unnest(v_due.user_ids) as user_id where is_wanted('campaign.milestone', null);
        v_made := v_made + 1;
    end loop;
    return v_made;
end $$;
