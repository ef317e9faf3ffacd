-- name: concurrency
-- How many watch at once, for each step of [$1, $2), up to now: at (the step begins), viewers (then),
-- peak_viewers (within the step) and peak_at. A user on two resources is two viewers. Viewers are counted once
-- per resolution, counted from $1; with '1 microsecond' at each start and end of a session, and so are those that
-- roll-ups know of, in steps of whole quarter hours.
-- $1 begins  $2 ends  $3 step (a multiple of the resolution)  $4 resource (null: all)  $5 resolution
-- $6 now (null: the database's)
-- $7 is_corrected: read past sessions as they were corrected, otherwise as they were recorded
select ms(at) as at, viewers, peak_viewers, ms(peak_at) as peak_at
  from viewers_in_steps($1, $2, $3, $4, $5, coalesce($6, now()), $7) order by viewers_in_steps.at;
