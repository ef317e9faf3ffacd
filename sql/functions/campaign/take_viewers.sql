-- Take the next page of users to judge: at most p_limit of one campaign, the one that was judged the longest time ago.
--   is_done    since p_since (null: now), the `since` that it returns, all campaigns have been taken
--   campaign   as it was, with the number of this round
--   upto       the last of the users after its judged_upto; null: there are none
--   settles    all get what they have reached, not only those who are online: an hour after the end, when nothing more can be
--              known of the time before it. What the campaign's limits still hold back then is not awarded
--   is_alone   to be judged in this transaction: it settles, or all of the users share a limit
create or replace function take_viewers(
    p_limit integer, p_since timestamptz, p_now timestamptz,
    out is_done boolean, out since timestamptz, out campaign campaigns, out upto text, out settles boolean,
    out is_alone boolean
) language plpgsql as $$
declare
    v_is_last boolean;
begin
    since := coalesce(p_since, p_now);
    loop
        is_done := not exists (select from campaigns c where is_to_judge(c, since, p_now));
        if is_done then
            return;
        end if;
        select * into campaign from campaigns c where is_to_judge(c, since, p_now)
         order by c.judged_at, c.campaign_id limit 1 for no key update skip locked;
        exit when found;
        -- Another call is taking a page, of what may have been the last one.
        select * into campaign from campaigns c where is_to_judge(c, since, p_now)
         order by c.judged_at, c.campaign_id limit 1 for no key update;
        exit when found;
    end loop;
    settles := coalesce(least(p_now, campaign.judged_at) >= campaign.ends_at + interval '1 hour', false);
    is_alone := settles or campaign.max_in_all is not null;
    if is_alone or campaign.judged_upto = '' then
        perform lock_campaign(campaign.campaign_id);
        campaign.round := campaign.round + 1;
    end if;
    perform plan_for_pages();
    select max(u.user_id), count(*) < p_limit into upto, v_is_last from next_users(campaign, settles, p_limit) as u;
    update campaigns c
       set judged_upto = case when v_is_last then '' else upto end,
           judged_at = case when v_is_last then p_now else c.judged_at end,
           settled_at = case when v_is_last and settles then p_now end,
           round = campaign.round
     where c.campaign_id = campaign.campaign_id;
end $$;

-- Whether a campaign has not been judged since then. It is inlined into its caller.
create or replace function is_to_judge(p_campaign campaigns, p_since timestamptz, p_now timestamptz) returns boolean
language sql immutable as $$
    select p_campaign.settled_at is null and p_campaign.starts_at <= p_now
           -- Later than now: before the clock went back.
           and (p_campaign.judged_at < p_since or p_campaign.judged_at > p_now)
$$;

-- Wait until no page of a campaign is being judged, and keep all others out until the transaction ends.
create or replace function lock_campaign(p_campaign_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock(hashtextextended(p_campaign_id::text, 4)) $$;

-- Judge the page of users after p_after beside other pages, and not twice at once: a call whose answer was lost may still run.
create or replace function share_campaign(p_campaign_id uuid, p_after text) returns void language sql volatile as $$
    select pg_advisory_xact_lock_shared(hashtextextended(p_campaign_id::text, 4));
    select pg_advisory_xact_lock(hashtextextended(p_campaign_id || ' ' || p_after, 4));
$$;

-- The tables grow by a crowd within a minute: each time a plan for what is there now, and by indexes, for the planner may
-- think that there is nothing. In the order of an index: else the first of many is found by sorting all, for each page.
create or replace function plan_for_pages() returns text language sql volatile as $$
    select prefer_indexes() || set_config('plan_cache_mode', 'force_custom_plan', true)
           || set_config('enable_bitmapscan', 'off', true)
$$;

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
