-- What a campaign writes from bench.begins on, for bench.minutes: every minute a bonus for a fifteenth of
-- bench.viewers, which half of these acknowledge and claim, while a sixtieth of the viewers end a session.
create temporary table size as
    select current_setting('bench.viewers')::integer as viewers,
           current_setting('bench.viewers')::integer / 15 as offers,
           current_setting('bench.viewers')::integer / 60 as ends,
           current_setting('bench.minutes')::integer as minutes;
create temporary table made as
    select m as minute, gen_random_uuid() as bonus_id,
           current_setting('bench.begins')::timestamptz + m * interval '1 minute' as at
      from size, generate_series(0, minutes - 1) as m;
-- Spread over all, so that neighbours in time are none in the indexes.
create temporary table offered as
    select m.*, n as nth, md5(bonus_id::text || n) as claim_id,
           'viewer-' || lpad((((m.minute * offers + n)::bigint * 104729) % viewers)::text, 6, '0') as user_id
      from made m, size, generate_series(1, offers) as n order by m.minute, n;

insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'viewer-' || lpad(n::text, 6, '0'), 'site', at, at,
           '{"a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live": {"L0SM9cOFvHcCIhw=": {"at": 1767225600}}}'
      from size, generate_series(0, viewers - 1) as n, (select min(at) as at from made) as first;
insert into award_rules (reward, every, claim_within, created_at)
    select '{"text": "5 coins"}', '15 minutes', '1 minute', min(at) from made;
insert into campaign_progress (campaign_id, user_id, awarded) select r.rule_id, w.user_id, '{1}' from award_rules r, watching_times w;
insert into user_streams (user_id, seq) select user_id, 1000 from watching_times;

insert into bonuses (bonus_id, reward, audience, opens_at, expires_at, created_at, queued_at, acknowledge,
                     ledger_closed_at)
    select bonus_id, '{"text": "5 coins"}', 'users', at - interval '1 minute', at, at - interval '1 minute', at,
           true, at from made;
insert into broadcasts (broadcast_id, kind, bonus_id, audience, at, expires_at, queued_at)
    select bonus_id, 'offer', bonus_id, 'users', at, at, at from made;
insert into broadcast_shards (broadcast_id, round, shard, after_user_id, after_resource, done_at)
    select bonus_id, round, shard, '', '', at from made, generate_series(1, 3) as round, generate_series(1, 6) as shard;
insert into offers (bonus_id, user_id, seq) select bonus_id, user_id, minute from offered;
insert into acks (bonus_id, user_id, at) select bonus_id, user_id, at from offered where nth % 2 = 0;
insert into claims (bonus_id, user_id, claim_id, claimed_at)
    select bonus_id, user_id, claim_id, at from offered where nth % 2 = 0;
insert into ledger (bonus_id, user_id, entry, at)
    select bonus_id, user_id, entry, at
      from offered, lateral (values ('offered'), (case when nth % 2 = 0 then 'claimed' else 'expired' end)) as e(entry);
insert into user_events (user_id, seq, type, body, at, action_id)
    select user_id, 2 * minute, 'bonus.offered',
           jsonb_build_object('bonus_id', bonus_id, 'reward', '{"text": "5 coins"}'::jsonb, 'opens_at', ms(at),
                              'expires_at', ms(at), 'outcome', null, 'acknowledge', true),
           at, 'bonus.' || bonus_id from offered;
insert into user_events (user_id, seq, type, body, at, action_id)
    select user_id, 2 * minute + 1, 'bonus.claimed',
           jsonb_build_object('bonus_id', bonus_id, 'reward', '{"text": "5 coins"}'::jsonb), at, claim_id
      from offered where nth % 2 = 0;
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    select 1000000 + o.minute * ends + nth, user_id, 'site', at - interval '1 hour', at, 'client', '0'
      from offered o, size where nth <= ends;
insert into presence_events (seq, type, session_id, user_id, resource, at, recorded_at)
    select row_number() over (order by minute, nth), case when nth % 2 = 0 then 'online' else 'offline' end
               ::presence_event_type,
           nth, user_id, 'site', at, at
      from offered, size where nth <= 2 * ends;
analyze;
