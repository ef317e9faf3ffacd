-- The campaigns that are for a user, with how far they are in each, in the order of their ids: at most 20 after p_after (null:
-- from the start), and 96 KB of those. Returns one row; outcome listed, slow_down or kept_out (see `spend`); next: null
-- after the last page.
--   campaigns  [{campaign_id, state, resources, clock, overlap, timezone, starts_at, ends_at, watched_ms, watched_today_ms,
--              milestones}, …]: see `campaign_state` and `campaign_progress_of`
create or replace function list_campaigns(
    p_user_id text, p_after uuid default null,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer, out server_now bigint, out campaigns json, out next uuid
) language plpgsql as $$
declare
    c_limit constant integer := 20;
    c_bytes constant integer := 98304;
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    server_now := ms(v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        return;
    end if;
    outcome := 'listed';
    with theirs as (
        select c.campaign_id, campaign_json(c, p_user_id, v_now) as shown
          from campaigns c
         where c.settled_at is null and (p_after is null or c.campaign_id > p_after) and is_shown(c, p_user_id, v_now)
         order by c.campaign_id limit c_limit + 1
    ),
    page as (
        select t.campaign_id, t.shown, row_number() over w as n, sum(octet_length(t.shown::text)) over w as bytes
          from theirs t window w as (order by t.campaign_id)
    ),
    fitting as (
        select * from page p where p.n = 1 or p.n <= c_limit and p.bytes <= c_bytes
    )
    select coalesce((select json_agg(f.shown order by f.campaign_id) from fitting f), '[]'),
           case when (select count(*) from page) > (select count(*) from fitting)
                then (select f.campaign_id from fitting f order by f.n desc limit 1) end
      into campaigns, next;
    perform charge(p_user_id, p_gap, cost_of(1, octet_length(campaigns::text)));
end $$;

-- Whether a user can see a campaign: from its announcement or start on, if it counts what they watch or they have watched for
-- it. A test only those who take part.
create or replace function is_shown(p_campaign campaigns, p_user_id text, p_now timestamptz) returns boolean
language plpgsql stable as $$
begin
    return p_now >= least(p_campaign.announced_at, p_campaign.starts_at)
       and (p_campaign.test_user_ids is null or p_user_id = any (p_campaign.test_user_ids))
       and (p_campaign.resources is null
            or exists (select from watching_times w
                        where w.user_id = p_user_id and w.ended_at is null and w.resource = any (p_campaign.resources))
            or exists (select from campaign_progress p
                        where p.campaign_id = p_campaign.campaign_id and p.user_id = p_user_id));
end $$;

-- A campaign as its users read it.
create or replace function campaign_json(p_campaign campaigns, p_user_id text, p_now timestamptz) returns json
language sql stable as $$
    select json_build_object(
               'campaign_id', p_campaign.campaign_id, 'state', campaign_state(p_campaign, p_now),
               'resources', p_campaign.resources, 'clock', case when p_campaign.is_visible then 'visible' else 'connected' end,
               'overlap', case when p_campaign.is_each then 'each' else 'once' end, 'timezone', p_campaign.timezone,
               'starts_at', ms(p_campaign.starts_at), 'ends_at', ms(p_campaign.ends_at),
               'watched_ms', milliseconds(p.watched), 'watched_today_ms', watched_today_ms(p.daily, p.today),
               'milestones', progress_in_milestones(p_campaign.campaign_id, p.daily, p.awarded, p.today))
      from progress_in(p_campaign, p_user_id, p_now) as p
$$;
