-- Everything a client needs to draw itself: one row. p_visible, p_change: see `visibility`; null: it does not say.
--   outcome    welcome; slow_down or kept_out (see `spend`) with wait_ms and server_now alone
--   server_now, resource, joined_at, connections, watched_ms, visible_ms (resource null: in no session),
--   epoch, seq, state (as of seq)
--   reconnect_within_ms, ping_every_ms, rotate_within_ms  see `set_line_limits`
--   recovered  true: events are exactly those after `since`
--              false: `since` is of another epoch or reaches too far back; events are the latest
--   events     at most 100 and 48 KB of them, in order
--   bonuses    see bonuses_of
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
    connections bigint, watched_ms bigint, visible_ms bigint, epoch uuid, seq bigint, state jsonb, recovered boolean,
    events json, bonuses json, broadcasts json, reconnect_within_ms bigint, ping_every_ms bigint,
    rotate_within_ms bigint
) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_wait_ms integer := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
begin
    if v_wait_ms <> 0 then
        outcome := outcome_of(v_wait_ms);
        wait_ms := v_wait_ms;
        server_now := ms(v_now);
        return next;
        return;
    end if;
    -- Few tell anything new, and those who do not need no lock.
    if exists (select from watching_times
                where user_id = p_user_id and is_news(nodes -> p_node -> p_connection_id, p_visible, p_change)) then
        perform note_visibility(p_user_id, p_node, p_connection_id, p_visible, p_change,
                                lock_user(p_user_id, p_now));
    end if;
    with session as materialized (
        select resource::text, coalesce(began_at, joined_at) as joined_at, size(nodes)::bigint as connections,
               so_far.connected as watched, so_far.visible
          from watching_times w, watched_on(p_user_id, w.resource, v_now) as so_far
         where user_id = p_user_id and nodes -> p_node ? p_connection_id
    ),
    stream as (
        select e.epoch, coalesce(s.seq, 0) as seq, coalesce(s.state, '{}') as state,
               case when e.epoch::text = p_epoch and p_since <= coalesce(s.seq, 0)
                    then p_since end as since,
               case when e.epoch::text = p_epoch then p_broadcasts_since else 0 end as broadcasts_since
          from stream_epoch e left join user_streams s on s.user_id = p_user_id
    ),
    latest as (
        select seq, event, sum(octet_length(event::text)) over (order by seq desc) as bytes
          from (select e.seq, to_json(event_json(e)) as event
                  from user_events e
                 where e.user_id = p_user_id and e.seq > (select coalesce(since, 0) from stream)
                 order by e.seq desc limit 100) as newest
    ),
    events as (
        select count(*) as shown, coalesce(json_agg(event order by seq), '[]') as list
          from latest where bytes <= 49152
    )
    select 'welcome', 0, ms(v_now), session.resource, ms(session.joined_at),
           coalesce(session.connections, 0), coalesce(milliseconds(session.watched), 0),
           coalesce(milliseconds(session.visible), 0),
           stream.epoch, stream.seq, stream.state,
           stream.since is not null and stream.seq - stream.since = events.shown,
           events.list, bonuses_of(p_user_id, session.resource, session.watched, v_now),
           news_of(session.resource, stream.broadcasts_since, v_now),
           milliseconds(limits.reconnect_within), milliseconds(limits.ping_every), milliseconds(limits.rotate_within)
      into outcome, wait_ms, server_now, resource, joined_at, connections, watched_ms, visible_ms, epoch, seq, state,
           recovered, events, bonuses, broadcasts, reconnect_within_ms, ping_every_ms, rotate_within_ms
      from stream cross join events cross join line_limits as limits left join session on true;
    perform charge(p_user_id, p_gap, cost_of(1, octet_length(events::text) + octet_length(state::text)
        + octet_length(bonuses::text) + octet_length(broadcasts::text)));
    return next;
end $$;
