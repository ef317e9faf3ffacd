-- News that was cancelled is pushed no further, and no welcome has it. What tells its audience is news of its own, with
-- the number of the one that it cancels.
alter table broadcasts add column cancelled_at timestamptz;
