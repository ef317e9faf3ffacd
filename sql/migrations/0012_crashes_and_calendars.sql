-- Used tickets stay used when the server crashes, which empties an unlogged table. Only a connection that
-- ends within its ticket's minute and a half is stored here, and its end does not wait for the disk.
alter table used_tickets set logged;

-- A rule's lengths in seconds: a day of an interval is one of the calendar (see docs/explanation/decisions.md).
update award_rules
   set every = make_interval(secs => extract(epoch from every)::float8),
       claim_within = make_interval(secs => extract(epoch from claim_within)::float8)
 where extract(day from every) <> 0 or extract(day from claim_within) <> 0;
