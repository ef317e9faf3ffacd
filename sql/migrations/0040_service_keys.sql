-- Keys of the HTTP API that have a name and may do only what their scopes say. A token is shown once; kept is its hash.

create table service_keys (
    key_id     uuid primary key,
    name       text not null check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    slot       smallint not null check (slot in (1, 2)),  -- two of a name: one in use, one that replaces it
    scopes     text[] not null check (cardinality(scopes) between 1 and 10),
    hash       bytea not null check (length(hash) = 32),  -- SHA-256 of the token's secret, which is 256 random bits
    created_at timestamptz not null default clock_timestamp(),
    unique (name, slot)
);
