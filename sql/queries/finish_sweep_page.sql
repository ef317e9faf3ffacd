-- name: finish_sweep_page
-- Every connection of one page has been asked for, and what was gone is forgotten. Said twice, out of
-- turn, or of a cycle that is over, it changes nothing: a page too few is counted, and none too many.
-- $1 cycle_started_at  $2 page, as `sweep` gave them
update sweep_cursor set pages_asked = $2::integer
 where cycle_started_at = $1 and pages_asked = $2::integer - 1;
