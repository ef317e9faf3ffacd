-- For how long the oldest of what `prune` removes has been due: how far it is behind.
create or replace function prune_lag(
    p_keep_events interval, p_keep_presence_events interval, p_keep_bonuses interval,
    p_now timestamptz default null
) returns float8 language sql as $$
    select greatest(0, extract(epoch from max(clock.now - keep - oldest))::float8)
      from (select coalesce(p_now, clock_timestamp()) as now) as clock,
           (select p_keep_events as keep, min(at) as oldest from user_events
            union all select p_keep_events, min(at) from acks
            union all select p_keep_events, min(expires_at) from broadcasts
            union all select p_keep_bonuses, min(expires_at) from bonuses where ledger_closed_at is not null
            union all (select p_keep_presence_events, recorded_at from presence_events
                        order by seq limit 1)) as logs
$$;
