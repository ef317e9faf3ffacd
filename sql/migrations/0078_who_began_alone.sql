-- Reports look at each session of a user who has several at once, and sum up all others. Which users may have several
-- is written when a session begins, instead of being counted in each report. Of sessions that are there already it
-- is not known: those are looked up.
alter table watching_times add column was_alone boolean not null default false;
