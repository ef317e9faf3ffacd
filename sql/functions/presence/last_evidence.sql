-- The last moment that a connection is known to have been open: when it opened, or the start of the last
-- whole sweep cycle, which found it alive; p_seen_at instead of that while it is suspect. At the latest two
-- hours after it opened, when API Gateway ends it. A cycle that began after p_now is no evidence: the clock
-- has gone back since.
create or replace function last_evidence(p_opened_at timestamptz, p_seen_at timestamptz, p_now timestamptz)
returns timestamptz language sql stable as $$
    select least(p_opened_at + interval '2 hours',
                 -- The sweep looks up only connections that are a minute old.
                 case when p_seen_at is not null then p_seen_at
                      when p_opened_at < probed_since - interval '1 minute' and probed_since <= p_now
                      then probed_since
                      else p_opened_at end)
      from sweep_cursor
$$;
