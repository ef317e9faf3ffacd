-- Campaigns have limits of what they award, days of a time zone and streaks of them, an announcement, and tests with a few
-- users.
alter table campaigns
    add column timezone      text,         -- of its days; null: it has none
    add column announced_at  timestamptz,  -- null: it is not shown before its start
    add column max_per_user  integer,
    add column max_per_day   integer,      -- per user
    add column max_in_all    bigint,
    add column cool_down     interval,     -- between two awards of a user
    add column test_user_ids text[];       -- null: it is for all
alter table campaigns
    -- squawk-ignore constraint-missing-not-valid
    add constraint limits_are_positive check (
        max_per_user > 0 and max_per_day > 0 and max_in_all > 0 and cool_down >= '1 second'),
    -- squawk-ignore constraint-missing-not-valid
    add constraint days_have_a_timezone check (max_per_day is null or timezone is not null),
    -- squawk-ignore constraint-missing-not-valid
    add constraint few_test_users check (cardinality(test_user_ids) between 1 and 100);

-- How many days in a row a user watches so long for it; null: it counts all that they watch.
alter table campaign_milestones add column days smallint;
alter table campaign_milestones
    -- squawk-ignore constraint-missing-not-valid
    add constraint days_of_a_year check (days between 1 and 366);

-- daily: what they have watched on each day of the campaign, the first one first; null: its campaign has none.
alter table campaign_progress
    add column daily         interval[],
    add column awards        integer not null default 0,  -- of all milestones
    add column awards_of_day integer not null default 0,  -- those of the day of the last one
    add column last_award_at timestamptz;

-- They take more.
select set_aside('create_campaign(uuid, text[], boolean, boolean, timestamptz, timestamptz, jsonb, text, timestamptz)');
select set_aside('edit_campaign(uuid, text[], boolean, boolean, timestamptz, timestamptz, jsonb, timestamptz)');
select set_aside('award_milestone(uuid, smallint, jsonb, interval, text[], integer[], timestamptz)');
select set_aside('ordered_milestones(jsonb)');
select set_aside('times_refusal(timestamptz, timestamptz, timestamptz)');
select set_aside('taken_back(campaigns, text[], boolean, boolean, timestamptz, jsonb)');
select set_aside('campaign_progress_of(uuid, text, timestamptz)');
