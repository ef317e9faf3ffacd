-- Past sessions, and parts of sessions: as they were corrected, or as they were recorded. Everything that reads
-- past_sessions asks here, and a test says so: beside a row that was replaced stands the one in force, and a reader
-- of both counts a session twice. It is inlined into its caller, so conditions on its columns reach the indexes.
create or replace function read_past(p_corrected boolean) returns setof past_sessions
language sql stable rows 100000 as $$
    select * from past_sessions where case when p_corrected then replaced_by is null else revision = 0 end
$$;
