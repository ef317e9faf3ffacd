-- How many watched a resource when they were last counted for the pages that show it. Unlogged: after a crash they are
-- counted again.
create unlogged table audience_samples (
    resource text primary key,
    users integer not null,
    connections integer not null,
    sampled_at timestamptz not null,
    -- Since when the two numbers have been the same.
    changed_at timestamptz not null
) with (fillfactor = 50);
