-- What a welcome shows with full tables, and nothing else: ten bonuses, two of them for 'site', and twenty news. The
-- same shares are upcoming or ask for watch time.
insert into bonuses (bonus_id, reward, audience, resource, opens_at, expires_at, min_watched, created_at,
                     ledger_closed_at, acknowledge)
    select gen_random_uuid(), '{"text": "5 coins"}', case when n % 5 = 0 then 'resource' else 'everyone' end,
           case when n % 5 = 0 then 'site' end,
           now() + case when n % 7 = 0 then interval '1 minute' else interval '-1 day' end,
           now() + interval '1 hour' + n * interval '1 ms',
           case when n % 5 = 0 then interval '20 minutes' end, now() - interval '1 day', null, n % 2 = 0
      from generate_series(1, 10) as n;
insert into broadcasts (broadcast_id, kind, news, audience, seq, follows, at, expires_at)
    select gen_random_uuid(), 'news', '{"type": "goal", "body": {}}', 'everyone', n, n - 1, now(),
           now() + interval '30 minutes'
      from generate_series(1, 20) as n;
update broadcast_stream set seq = 20;
