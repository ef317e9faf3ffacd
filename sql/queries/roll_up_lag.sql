-- name: roll_up_lag
-- How many seconds ago the last quarter hour ended that is summed up; 0: there is none.
select coalesce(extract(epoch from clock_timestamp() - nullif(rolled_up_to, '-infinity')), 0)::float8 as seconds
  from rollup_state;
