-- Store what clients go by. Counts all connections, and estimates from that how many lines may be lost together,
-- and within which time their clients can be back. Returns both.
--   p_turn           by how much each connection lengthens that time
--   p_least, p_most  its bounds
--   p_margin         a session waits so many times as long for a line that was lost
-- Expected are more than there are, for as many as have come since the last count may come until the next one;
-- and fewer only slowly, half in seven minutes: a storm must not shorten its own window. A session without a
-- connection counts as one, for its user may be on the way back.
-- If many come back later than that, what is behind the gateway takes fewer than the gateway admits. Then the server
-- waits for the lost lines as if that were the window (see `late`), also for those that it waits for already.
create or replace function set_line_limits(
    p_ping_every interval, p_rotate_within interval, p_turn interval, p_least interval, p_most interval,
    p_margin float8, p_now timestamptz default null, out connections bigint, out reconnect_within_ms bigint
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_period timestamptz := date_bin('2 hours', v_now, 'epoch');
    v_is_later boolean;
    v_late interval;
    v_new line_limits;
begin
    select * into v_new from line_limits for update;
    select coalesce(sum(greatest(size(w.nodes), 1)), 0) into connections from watching_times w;
    -- A look of its own: in one with the count PostgreSQL would use one processor, which takes half as long again.
    v_late := late(v_new.reconnect_within, v_new.expected, p_most, v_now);
    -- Negative: the clock has gone back. A day is more than enough to forget.
    v_new.expected := greatest(
        connections + greatest(connections - v_new.connections, 0),
        v_new.expected * power(0.9, least(greatest(
            extract(epoch from v_now - greatest(v_new.counted_at, 'epoch'))::float8 / 60, 0), 1440)));
    v_new.reconnect_within := least(greatest(v_new.expected * p_turn, p_least), p_most);
    v_is_later := v_new.period <> v_period;
    update line_limits as l
       set ping_every = p_ping_every, rotate_within = p_rotate_within,
           reconnect_within = v_new.reconnect_within,
           counted_at = v_now, connections = set_line_limits.connections, expected = v_new.expected,
           period = v_period,
           longest = greatest(v_new.reconnect_within, v_late, case when not v_is_later then l.longest end),
           longest_before = case when v_is_later then l.longest else l.longest_before end,
           wait_for_lost = p_margin * greatest(
               v_new.reconnect_within, v_late, l.longest, case when not v_is_later then l.longest_before end);
    reconnect_within_ms := milliseconds(v_new.reconnect_within);
end $$;

-- How long nine in ten of those were away who came back lately, and later than within p_window, and a minute: when the
-- next count comes, those who come then will have been away for so much longer. Null: too few did.
-- The lines of a storm are cut at once, so all who come late were away for about as long. The lines of phones that
-- slept were not: they must neither lengthen the time for which the server waits nor, coming back within that, do
-- so again. So there must be one in a hundred of p_expected connections, and the shortest tenth decides.
create or replace function late(
    p_window interval, p_expected bigint, p_most interval, p_now timestamptz
) returns interval language sql stable as $$
    select case when count(*) >= greatest(20, p_expected / 100)
                then least(interval '1 minute' + percentile_disc(0.1) within group (order by joined_at - away_since),
                           p_most) end
      from watching_times
     where away_since is not null and joined_at - away_since > p_window
       and joined_at between p_now - interval '2 minutes' and p_now
$$;
