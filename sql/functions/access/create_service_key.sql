-- Keep a new key. False: there are two of this name, or a hundred in all. Twice is once. Keys that have expired make room.
create or replace function create_service_key(
    p_key_id uuid, p_name text, p_scopes text[], p_hash bytea,
    p_expires_in interval default null, p_requests_per_minute integer default null,  -- null: never, no limit
    p_now timestamptz default clock_timestamp()
) returns boolean language plpgsql as $$
begin
    delete from service_keys where expires_at <= p_now;
    if (select count(*) from service_keys where key_id <> p_key_id) >= 100 then
        return false;
    end if;
    for v_slot in 1..2 loop
        insert into service_keys (key_id, name, slot, scopes, hash, expires_at, requests_per_minute)
        values (p_key_id, p_name, v_slot, p_scopes, p_hash, p_now + p_expires_in, p_requests_per_minute)
        on conflict do nothing;
        if found or exists (select from service_keys where key_id = p_key_id and hash = p_hash) then
            return true;
        end if;
    end loop;
    return false;
end $$;
