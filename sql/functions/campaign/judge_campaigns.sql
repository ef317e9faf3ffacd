-- Award the milestones that users have reached: one page of at most p_limit users of one campaign, the one that was
-- judged the longest time ago. One bonus for each milestone that is due, offered to all of the page at once, none twice.
-- A milestone that was reached several times at once is awarded once.
-- Users who have come to another step are told so, once each.
-- A run calls this until is_done, with the `since` of its first call: then all campaigns have been judged since. Runs
-- may overlap, or end at any time: the next one goes on where they were.
--   made   bonuses
-- Users get what they have reached when they are online. An hour after the end of a campaign, when nothing more can be
-- known of the time before it, all get what they have reached, and the campaign is settled. What its limits still hold back
-- then is not awarded.
create or replace function judge_campaigns(
    p_limit integer, p_since timestamptz default null, p_now timestamptz default null,
    out made integer, out is_done boolean, out since timestamptz
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_campaign campaigns;
    v_settles boolean;
    v_upto text;
    v_is_last boolean;
    v_due record;
begin
    made := 0;
    since := coalesce(p_since, v_now);
    select * into v_campaign from campaigns c
     where c.settled_at is null and c.starts_at <= v_now
       -- Later than now: before the clock went back.
       and (c.judged_at < since or c.judged_at > v_now)
     order by c.judged_at, c.campaign_id limit 1 for update skip locked;
    is_done := not found;
    if is_done then
        return;
    end if;
    -- The tables grow by a crowd within a minute: each time a plan for what is there now, and by indexes, for the
    -- planner may think that there is nothing.
    perform prefer_indexes();
    perform set_config('plan_cache_mode', 'force_custom_plan', true);
    -- In the order of an index: else the first of many is found by sorting all, for each page.
    perform set_config('enable_bitmapscan', 'off', true);
    v_settles := coalesce(least(v_now, v_campaign.judged_at) >= v_campaign.ends_at + interval '1 hour', false);
    select max(u.user_id), count(*) < p_limit into v_upto, v_is_last
      from next_users(v_campaign, v_settles, p_limit) as u;
    for v_due in
        select d.milestone, m.reward, m.claim_within, d.user_ids, d.nths, d.watched
          from (select milestone, array_agg(user_id order by user_id) as user_ids, array_agg(nth order by user_id) as nths,
                       array_agg(watched order by user_id) as watched
                  from due_milestones(v_campaign, v_campaign.judged_upto, v_upto, v_settles, v_now)
                 group by milestone) as d
               left join campaign_milestones m on m.campaign_id = v_campaign.campaign_id and m.milestone = d.milestone
         order by d.milestone
    loop
        if v_due.milestone is null then
            perform tell_progress(v_campaign, v_due.user_ids, v_due.watched, v_now);
            continue;
        end if;
        perform award_milestone(v_campaign, v_due.milestone, v_due.reward, v_due.claim_within, v_due.user_ids, v_due.nths,
                                v_now);
        made := made + 1;
    end loop;
    update campaigns c
       set judged_upto = case when v_is_last then '' else v_upto end,
           judged_at = case when v_is_last then v_now else c.judged_at end,
           settled_at = case when v_is_last and v_settles then v_now end
     where c.campaign_id = v_campaign.campaign_id;
end $$;

-- The next users of a campaign to judge: those who are online; or, to settle, all. In a test, those who take part.
create or replace function next_users(p_campaign campaigns, p_settles boolean, p_limit integer)
returns table (user_id text) language sql stable as $$
    select user_id from (
        (select distinct w.user_id::text from watching_times w
          where w.user_id > p_campaign.judged_upto and (p_settles or w.ended_at is null)
            and (p_campaign.test_user_ids is null or w.user_id = any (p_campaign.test_user_ids))
          order by w.user_id::text limit p_limit)
        union
        (select p.user_id from campaign_progress p
          where p_settles and p.campaign_id = p_campaign.campaign_id and p.user_id > p_campaign.judged_upto
          order by p.user_id limit p_limit)) as theirs
     order by user_id limit p_limit
$$;

-- Offer the bonus of a milestone to users who have reached it so often.
create or replace function award_milestone(
    p_campaign campaigns, p_milestone smallint, p_reward jsonb, p_claim_within interval, p_user_ids text[], p_nths integer[],
    p_now timestamptz
) returns void language plpgsql as $$
declare
    v_timezone text := coalesce(p_campaign.timezone, 'UTC');
begin
    perform create_bonus(
        gen_random_uuid(), p_reward, 'users', null, p_user_ids, interval '0', p_claim_within, null, null,
        p_acknowledge => true, p_rule_id => p_campaign.campaign_id, p_milestone => p_milestone, p_now => p_now);
    insert into campaign_progress as p (campaign_id, user_id, awarded, awards, awards_of_day, last_award_at)
        select p_campaign.campaign_id, d.user_id, array_fill(null::integer, array[p_milestone - 1]) || d.nth, 1, 1, p_now
          from unnest(p_user_ids, p_nths) as d (user_id, nth)
        on conflict (campaign_id, user_id) do update
           set awarded[p_milestone] = excluded.awarded[p_milestone], awards = p.awards + 1,
               awards_of_day = 1 + case when day_of(p.last_award_at, v_timezone) >= day_of(p_now, v_timezone)
                                        then p.awards_of_day else 0 end,
               last_award_at = greatest(p.last_award_at, excluded.last_award_at);
    update campaign_milestones m set awarded = m.awarded + cardinality(p_user_ids)
     where m.campaign_id = p_campaign.campaign_id and m.milestone = p_milestone;
end $$;
