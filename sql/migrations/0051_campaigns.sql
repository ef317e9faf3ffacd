-- Campaigns in place of award rules: a rule is the campaign of one milestone that repeats. The release before goes on
-- writing rules, and each becomes a campaign at once.

create table campaigns (
    campaign_id uuid primary key,
    resources   text[] check (cardinality(resources) between 1 and 100),  -- null: all
    is_visible  boolean not null,
    is_each     boolean not null,  -- a minute on two resources at once is two
    starts_at   timestamptz not null,
    ends_at     timestamptz,  -- null: until it is ended
    -- When minutes count: from the start to the end, but for the pauses. What is past of it never changes.
    times       tstzmultirange not null,
    paused_at   timestamptz,
    created_at  timestamptz not null,
    fingerprint text,
    -- The last time that all of its users were judged, and of the next time up to which one.
    judged_at   timestamptz not null default '-infinity',
    judged_upto text not null default '',
    settled_at  timestamptz  -- it is over, and all that was reached is awarded
);
-- add_watch_totals, judge_campaigns: those that are judged.
create index campaigns_live on campaigns (campaign_id) where settled_at is null;
-- The list, the newest first.
create index campaigns_newest on campaigns (created_at, campaign_id);

create table campaign_milestones (
    campaign_id  uuid     not null references campaigns,
    milestone    smallint not null check (milestone between 1 and 12),
    watched      interval not null check (watched >= '1 second'),
    is_repeated  boolean  not null,
    reward       jsonb    not null check (octet_length(reward::text) <= 4096),
    claim_within interval not null check (claim_within >= '1 second'),
    awarded      bigint   not null default 0,
    primary key (campaign_id, milestone)
);

-- What the sessions of a user that are finalized have added since the campaign began, and how often each milestone was
-- awarded to them. No foreign keys: to check them would lock the campaign for each session that is finalized, and it is
-- passed over while it is locked.
create table campaign_progress (
    campaign_id uuid      not null,
    user_id     text      not null,
    watched     interval  not null default '0',
    awarded     integer[] not null default '{}',
    primary key (campaign_id, user_id)
) with (fillfactor = 80);
-- erase_part, keep_months: those of a user.
create index campaign_progress_user on campaign_progress (user_id);

-- Campaigns have their ids there, too. The code before writes none but those of rules.
-- squawk-ignore ban-drop-constraint
alter table bonuses drop constraint bonuses_rule_id_fkey;
-- Which milestone made it.
alter table bonuses add column milestone smallint;
-- It takes one word more.
select set_aside('create_bonus(uuid, jsonb, text, text, text[], interval, interval, integer, interval,
    timestamptz, boolean, text, uuid, boolean, timestamptz)');
delete from migrations where name = 'functions/bonus/create_bonus.sql';

-- Awards and sessions that are being finalized are waited for, and kept out until the progress is there.
lock table award_rules in exclusive mode;
lock table past_sessions in share row exclusive mode;

-- Until the functions replace it by the same one.
create or replace function rule_to_campaign() returns trigger language plpgsql as $$
begin
    insert into campaigns as c (campaign_id, resources, is_visible, is_each, starts_at, ends_at, times, created_at, fingerprint)
        values (new.rule_id, case when new.resource is not null then array[new.resource] end, new.is_visible, false,
                new.created_at, new.ended_at,
                tstzmultirange(tstzrange(new.created_at, case when new.ended_at is not null
                                                         then greatest(new.created_at, new.ended_at) end)),
                new.created_at, new.fingerprint)
        on conflict (campaign_id) do update
           set ends_at = excluded.ends_at, times = c.times * excluded.times
         where c.ends_at is null and excluded.ends_at is not null;
    insert into campaign_milestones (campaign_id, milestone, watched, is_repeated, reward, claim_within)
        values (new.rule_id, 1, new.every, true, new.reward, new.claim_within)
        on conflict (campaign_id, milestone) do nothing;
    return null;
end $$;
create trigger rule_to_campaign after insert or update on award_rules
    for each row execute function rule_to_campaign();

update award_rules set ended_at = ended_at;
-- The progress of those that have ended is deleted, or about to be.
update campaigns set settled_at = ends_at where ends_at is not null;
insert into campaign_progress (campaign_id, user_id, watched, awarded)
    select rule_id, user_id, coalesce(p.watched, '0'), case when a.nth is null then '{}' else array[a.nth::integer] end
      from award_progress p full join awards a using (rule_id, user_id)
     where rule_id in (select campaign_id from campaigns where settled_at is null);
delete from award_progress;
delete from awards;
