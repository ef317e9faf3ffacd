-- Users are told how far they are in a campaign, in steps.

-- told: what they had watched when they were told last; told_by: the broadcast that tells it.
alter table campaign_progress
    add column told    interval not null default '0',
    add column told_by uuid;
-- Of a day's broadcasts, some hundred: to look at them takes no time.
alter table broadcasts
    -- squawk-ignore ban-drop-constraint
    drop constraint broadcasts_kind_check,
    -- squawk-ignore constraint-missing-not-valid
    add constraint broadcasts_kind_check check (kind in ('offer', 'cancel', 'stock', 'news', 'progress')),
    -- squawk-ignore ban-drop-constraint
    drop constraint a_bonus_or_news,
    -- squawk-ignore constraint-missing-not-valid
    add constraint a_bonus_or_none check ((kind in ('news', 'progress')) = (bonus_id is null));

-- It says what they have watched, too.
select set_aside('due_milestones(campaigns, text, text, boolean, timestamptz)');
