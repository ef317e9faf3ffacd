-- A key may have two secrets while its program is given the new one, and an end. When it was last used is known to
-- the hour, so that a request seldom writes.
alter table service_keys
    add column previous_hash  bytea check (length(previous_hash) = 32),
    add column previous_until timestamptz,
    add column expires_at     timestamptz,
    add column used_at        timestamptz;
select set_aside('create_service_key(uuid, text, text[], bytea)');
