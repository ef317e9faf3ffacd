-- A key may have a limit of requests a minute. They are counted in its row, a minute at a time.
alter table service_keys
    add column requests_per_minute integer check (requests_per_minute between 1 and 60000),  -- null: no limit
    add column minute_began_at     timestamptz,
    add column minute_requests     integer;
select set_aside('create_service_key(uuid, text, text[], bytea, interval, timestamptz)');
