-- Pages of a campaign's users are judged at once. round: one begins with the first page of its users.
alter table campaigns add column round bigint not null default 0;

-- One function notes awards and tells progress.
select set_aside('award_milestone(campaigns, smallint, jsonb, interval, text[], integer[], timestamptz)');
select set_aside('tell_progress(campaigns, text[], interval[], timestamptz)');

-- To look up its bonus takes a good part of what an offer takes. It is written with its bonus, and pruned before it.
-- squawk-ignore ban-drop-constraint
alter table offers drop constraint offers_bonus_id_fkey;
