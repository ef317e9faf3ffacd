-- What webhooks are told that has no log of its own: written with the fact, if a webhook wants it, and moved to their log.
create table webhook_outbox (
    id       bigint generated always as identity primary key,
    event_id uuid not null default gen_random_uuid(),
    due_at   timestamptz not null default '-infinity',  -- not before it: a bonus opens later than it is made
    type     text not null,
    user_id  text check (length(user_id) between 1 and 128),
    resource text,
    at       timestamptz not null,
    data     jsonb not null
);
