-- Everything a client needs to draw itself: one row. p_visible, p_change: see `visibility`; null: it does not say.
--   outcome    welcome; slow_down or kept_out (see `spend`) with wait_ms and server_now alone
--   server_now, resource, joined_at, connections, watched_ms, visible_ms (resource null: in no session),
--   epoch, seq, state (as of seq)
--   reconnect_within_ms, ping_every_ms, rotate_within_ms  see `set_line_limits`
--   recovered  true: events are exactly those after `since`
--              false: `since` is of another epoch or reaches too far back; events are the latest
--   events     at most 100 and 48 KB of them, in order
--   bonuses, has_more_bonuses   see shown_offers
--   broadcasts see news_of: the news after broadcasts_since
-- The reply must fit in one message of 128 KB: with 16 KB of state and 42 of bonuses it does. Lists are texts
-- (json) early: they are measured here, and sent.
create or replace function hello(
    p_user_id text, p_node text, p_connection_id text, p_since bigint, p_epoch text,
    p_broadcasts_since bigint, p_gap interval default '0', p_burst integer default 1,
    p_keep_out interval default '1 minute', p_visible boolean default null, p_change bigint default null,
    p_now timestamptz default null
) returns table (
    outcome text, wait_ms integer, server_now bigint, resource text, joined_at bigint,
    connections bigint, watched_ms bigint, visible_ms bigint, epoch uuid, seq bigint, state jsonb,
    recovered boolean, events json, bonuses json, broadcasts json, reconnect_within_ms bigint, ping_every_ms bigint,
    rotate_within_ms bigint, has_more_bonuses boolean
) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_since bigint;
    v_broadcasts_since bigint;
    v_is_news boolean;
    v_shown bigint := 0;
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    server_now := ms(v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        return next;
        return;
    end if;
    select 'welcome', w.resource::text, ms(coalesce(w.began_at, w.joined_at)), coalesce(size(w.nodes), 0),
           is_news(w.nodes -> p_node -> p_connection_id, p_visible, p_change),
           e.epoch, coalesce(s.seq, 0), coalesce(s.state, '{}'),
           case when e.epoch::text = p_epoch and p_since <= coalesce(s.seq, 0) then p_since end,
           case when e.epoch::text = p_epoch then p_broadcasts_since else 0 end,
           milliseconds(l.reconnect_within), milliseconds(l.ping_every), milliseconds(l.rotate_within)
      into outcome, resource, joined_at, connections, v_is_news, epoch, seq, state, v_since, v_broadcasts_since,
           reconnect_within_ms, ping_every_ms, rotate_within_ms
      from stream_epoch e cross join line_limits l left join user_streams s on s.user_id = p_user_id
           left join watching_times w on w.user_id = p_user_id and w.nodes -> p_node ? p_connection_id;
    -- Few tell anything new, and those who do not need no lock.
    if v_is_news then
        perform note_visibility(p_user_id, p_node, p_connection_id, p_visible, p_change,
                                lock_user(p_user_id, p_now));
    end if;
    if resource is not null then
        select milliseconds(w.connected), milliseconds(w.visible) into watched_ms, visible_ms
          from watched_on(p_user_id, resource, v_now) as w;
    end if;
    watched_ms := coalesce(watched_ms, 0);
    visible_ms := coalesce(visible_ms, 0);
    events := '[]';
    -- Most have missed nothing: what reads that costs a fifth of all, also if it finds nothing.
    if seq > coalesce(v_since, 0) then
        select e.shown, e.list into v_shown, events from events_between(p_user_id, coalesce(v_since, 0), seq) as e;
    end if;
    recovered := v_since is not null and seq - v_since = v_shown;
    select o.bonuses, o.has_more into bonuses, has_more_bonuses from shown_offers(p_user_id, resource, v_now) as o;
    broadcasts := news_of(resource, v_broadcasts_since, v_now);
    perform charge(p_user_id, p_gap, cost_of(1, octet_length(events::text) + octet_length(state::text)
        + octet_length(bonuses::text) + octet_length(broadcasts::text)));
    return next;
end $$;
