-- Whether a session that ended so cannot be continued: the user was kicked, or moved to another resource.
create or replace function is_for_good(p_ended_by ending) returns boolean
language sql immutable as $$ select p_ended_by in ('kicked', 'moved') $$;
