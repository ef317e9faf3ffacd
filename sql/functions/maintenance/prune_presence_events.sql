-- Remove presence events that were recorded before p_before, at most p_limit, in their order, and record up to
-- where. Returns how many. One that is said to be recorded after p_now was recorded while the clock was wrong:
-- it goes with the next one.
create or replace function prune_presence_events(
    p_before timestamptz, p_limit integer, p_now timestamptz
) returns bigint language sql as $$
    with head as (select seq, recorded_at from presence_events order by seq limit p_limit),
    right_ as (select recorded_at from presence_events where recorded_at <= p_now order by seq limit 1),
    until as (
        select coalesce(max(seq) filter (where recorded_at < p_before),
                        max(seq) filter (where (select recorded_at from right_) < p_before)) as seq
          from head
    ),
    pruned as (
        delete from presence_events where seq <= (select seq from until) returning 1
    ),
    begins as (
        update presence_event_log l set pruned_seq = u.seq from until u where u.seq > l.pruned_seq
    )
    select count(*) from pruned
$$;
