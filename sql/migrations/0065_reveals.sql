-- Reveals: content that travels sealed, its key a little before the instant at which it is shown.
create table reveals (
    reveal_id    uuid primary key,
    content      jsonb not null,
    sealed       text not null,
    key          text not null,
    key_id       uuid not null,      -- of the broadcast that tells the key
    audience     text not null check (audience in ('everyone', 'resource')),
    resource     text check (length(resource) between 1 and 128),
    connections  bigint not null,    -- of the audience when it was ordered
    reveals_at   timestamptz not null,
    key_at       timestamptz not null,
    fingerprint  text,
    created_at   timestamptz not null,
    cancelled_at timestamptz,
    constraint a_reveals_resource_has_a_name check ((audience = 'resource') = (resource is not null)),
    constraint the_key_comes_before check (key_at < reveals_at)
);
create index reveals_reveals_at on reveals (reveals_at);
