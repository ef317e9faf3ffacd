-- Who ordered what, when and from where: a row in the statement of each order. Only ever appended to, and pruned by age.

create table audit (
    id        bigint generated always as identity primary key,
    at        timestamptz not null default clock_timestamp(),
    author    text not null check (length(author) between 1 and 128),  -- the name of the key, or the service token
    source    text check (length(source) between 1 and 128),  -- the address that the request came from
    operation text not null check (length(operation) between 1 and 128),  -- of the HTTP API
    subject   text check (length(subject) between 1 and 128),  -- what it is about: the id of a bonus, of a user, …
    outcome   text check (length(outcome) between 1 and 128),
    reason    text check (length(reason) <= 1000)
);

-- Who ordered a bonus or news, and what was ordered about one subject.
create index audit_subject on audit (subject, id);
-- What is to be pruned.
create index audit_at on audit (at);
