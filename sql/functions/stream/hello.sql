-- Everything a client needs to draw itself: one row.
--   outcome    welcome; slow_down or kept_out (see `spend`) with wait_ms and server_now alone
--   server_now, resource, joined_at, connections, watched_ms (resource null: in no session),
--   epoch, seq, state (as of seq)
--   recovered  true: events are exactly those after `since`
--              false: `since` is of another epoch or reaches too far back; events are the latest
--   events     at most 100 and 48 KB of them, in order
--   bonuses    at most 10 that this user may claim now or soon, or has claimed, until they expire; the
--              first to expire first. Cancelled ones fill what room is left, for clients that still
--              show them
--   broadcasts {seq, recovered, news}: the head of their stream, and the news after broadcasts_since that
--              are not over, for everyone or this resource: at most 20 and 16 KB, the latest; recovered:
--              these are all of them
-- The reply must fit in one message of 128 KB: with 16 KB of state and 42 of bonuses it does.
create or replace function hello(
    p_user_id text, p_node text, p_connection_id text, p_since bigint, p_epoch text,
    p_broadcasts_since bigint, p_gap interval default '0', p_burst integer default 1,
    p_keep_out interval default '1 minute', p_now timestamptz default null
) returns table (
    outcome text, wait_ms integer, server_now bigint, resource text, joined_at bigint,
    connections bigint, watched_ms bigint, epoch uuid, seq bigint, state jsonb, recovered boolean,
    events jsonb, bonuses jsonb, broadcasts jsonb
) language plpgsql as $$
#variable_conflict use_column
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_wait_ms integer := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
begin
    perform prefer_indexes();
    if v_wait_ms <> 0 then
        outcome := outcome_of(v_wait_ms);
        wait_ms := v_wait_ms;
        server_now := ms(v_now);
        return next;
        return;
    end if;
    with session as (
        select resource, joined_at, size(nodes)::bigint as connections from watching_times
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
          from (select e.seq, event_json(e) as event
                  from user_events e
                 where e.user_id = p_user_id and e.seq > (select coalesce(since, 0) from stream)
                 order by e.seq desc limit 100) as newest
    ),
    events as (
        select count(*) as shown, coalesce(jsonb_agg(event order by seq), '[]') as list
          from latest where bytes <= 49152
    ),
    open_bonuses as (
        select b as bonus, look.outcome
          from bonuses b
               left join claims c on c.bonus_id = b.bonus_id and c.user_id = p_user_id,
               lateral (select case when c.claimed_at is not null then 'claimed'
                                    else claim_refusal(b, p_user_id, v_now) end as outcome) as look
         where b.expires_at > v_now
           and (coalesce(look.outcome, 'too_early') in ('claimed', 'too_early')
                or look.outcome = 'cancelled' and case b.audience
                    when 'everyone' then true
                    when 'resource' then b.resource = (select resource from session)
                    else exists (select from offers o
                                  where o.bonus_id = b.bonus_id and o.user_id = p_user_id) end)
         order by b.cancelled_at is not null, b.expires_at limit 10
    ),
    shown_bonuses as (
        select coalesce(jsonb_agg(bonus_json(bonus,
                   case when outcome in ('claimed', 'cancelled') then outcome
                        when (bonus).stock is not null and not exists (
                            select from bonus_stock s where s.bonus_id = (bonus).bonus_id)
                        then 'sold_out' end)
                   order by (bonus).cancelled_at is not null, (bonus).expires_at), '[]') as list
          from open_bonuses
    ),
    latest_news as (
        select b.seq, news_json(b) as news, row_number() over (order by b.seq desc) as n,
               sum(octet_length(b.news::text) + 100) over (order by b.seq desc) as bytes
          from broadcasts b
         where b.kind = 'news' and b.expires_at > v_now
           and b.seq > (select coalesce(broadcasts_since, 0) from stream)
           and (b.audience = 'everyone' or b.resource = (select resource from session))
    ),
    news as (
        select coalesce(jsonb_agg(news order by seq)
                            filter (where n <= 20 and bytes <= 16384), '[]') as list,
               coalesce(bool_and(n <= 20 and bytes <= 16384), true) as is_all
          from latest_news
    )
    select 'welcome', 0, ms(v_now), session.resource::text, ms(session.joined_at),
           coalesce(session.connections, 0),
           case when session.resource is null then 0
                else milliseconds(watched(p_user_id, session.resource, v_now)) end,
           stream.epoch, stream.seq, stream.state,
           stream.since is not null and stream.seq - stream.since = events.shown,
           events.list, shown_bonuses.list,
           jsonb_build_object('seq', broadcast_stream.seq, 'recovered', news.is_all, 'news', news.list)
      into outcome, wait_ms, server_now, resource, joined_at, connections, watched_ms, epoch, seq, state,
           recovered, events, bonuses, broadcasts
      from stream cross join events cross join shown_bonuses cross join news cross join broadcast_stream
           left join session on true;
    perform charge(p_user_id, p_gap, cost_of(1, octet_length(events::text) + octet_length(state::text)
        + octet_length(bonuses::text) + octet_length(broadcasts::text)));
    return next;
end $$;
