-- How many watch a resource, as of its latest sample. A sample lives 5 s, and one of many users a second for each 5,000 of
-- them: so counting costs the same share of the database however many they are, and a join costs nothing here.
-- Of those who find an old sample at the same moment one counts, and the others take the old one.
create or replace function sample_audience(p_resource text, p_now timestamptz) returns audience_samples
language plpgsql as $$
declare
    v_known audience_samples;
    v_new audience_samples;
    v_key bigint := hashtextextended(p_resource, 2);
begin
    select * into v_known from audience_samples where resource = p_resource;
    if not found then
        -- There is nothing to take: wait for the one who counts.
        perform pg_advisory_xact_lock(v_key);
        select * into v_known from audience_samples where resource = p_resource;
    end if;
    -- One from the future is of before the clock went back.
    if v_known.sampled_at <= p_now
       and p_now < v_known.sampled_at + greatest(interval '5 seconds', v_known.users * interval '0.2 ms') then
        return v_known;
    end if;
    if v_known.resource is not null and not pg_try_advisory_xact_lock(v_key) then
        return v_known;
    end if;
    select p_resource, count(*), coalesce(sum(size(w.nodes)), 0), p_now, p_now into v_new
      from watching_times w where w.resource = p_resource and w.ended_at is null;
    if (v_new.users, v_new.connections) = (v_known.users, v_known.connections) then
        v_new.changed_at := least(v_known.changed_at, p_now);
    end if;
    -- A resource that is watched by no user and never was needs no row: its name may be anything.
    if v_new.users > 0 or v_known.resource is not null then
        insert into audience_samples values (v_new.*)
            on conflict (resource) do update
               set users = v_new.users, connections = v_new.connections,
                   sampled_at = v_new.sampled_at, changed_at = v_new.changed_at;
    end if;
    return v_new;
end $$;
