-- Whether a connection ended without the client's or our doing: its client is perhaps on the way back.
create or replace function is_lost(p_ended_by ending) returns boolean
language sql immutable as $$ select p_ended_by not in ('client', 'kicked', 'moved') $$;
