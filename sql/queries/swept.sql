-- name: swept
-- Every connection of one page has been asked for, and what was gone is forgotten.
-- $1 cycle_started_at, as `sweep` gave it; of a cycle that is over it changes nothing
update sweep_cursor set pages_asked = pages_asked + 1 where cycle_started_at = $1;
