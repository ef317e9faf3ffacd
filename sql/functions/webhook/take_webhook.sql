-- Take what is next for a webhook, and hold it for p_hold: no other worker gets it meanwhile. Returns no row if there is another, or
-- if its time has not come. Up to p_limit new events, and as many that are due again, with all that waits behind them:
--   upto    report it, and the next call goes on from there
--   events  [{seq, event_id, type, user_id, resource, at, data, attempts, failing_ms, is_again, is_behind}, …] in the order of seq
-- is_again: it is among the deliveries. is_behind: an event of its user waits to be tried again, so this one waits, too. A webhook that has taken nothing of what was
-- sent last is tried with one event. While p_max_waiting wait, there is no new one.
create or replace function take_webhook(
    p_webhook_id uuid, p_worker uuid, p_hold interval, p_limit integer, p_max_waiting integer, p_now timestamptz default null
) returns table (url text, secrets text[], failures integer, upto bigint, events jsonb) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_webhook webhooks;
    v_waiting bigint;
    v_limit integer;
begin
    update webhooks w set worker = p_worker, held_until = v_now + p_hold
     where w.webhook_id = p_webhook_id and w.off_at is null and w.next_at <= v_now
       and (w.held_until <= v_now or w.worker = p_worker)
    returning * into v_webhook;
    if not found then
        return;
    end if;
    perform prefer_indexes();
    v_limit := case when v_webhook.failures > 0 then 1 else p_limit end;
    select count(*) into v_waiting from webhook_deliveries d where d.webhook_id = p_webhook_id and d.state = 'waiting';
    url := v_webhook.url;
    failures := v_webhook.failures;
    secrets := array[v_webhook.secret] || case when v_webhook.old_until > v_now then array[v_webhook.old_secret]
                                               else array[]::text[] end;
    with looked as materialized (
        select e.* from webhook_events e
         where e.seq > v_webhook.done_seq and v_waiting < p_max_waiting order by e.seq limit 10 * p_limit
    ),
    fresh as materialized (
        select l.* from looked l
         where (l.webhook_id is null and l.type = any (v_webhook.types)
                and (v_webhook.resource is null or l.resource = v_webhook.resource))
            or l.webhook_id = p_webhook_id
         order by l.seq limit v_limit
    ),
    waiting as materialized (
        select e.*, d.attempts, d.due_at, extract(epoch from v_now - d.first_at) * 1000 as failing_ms
          from webhook_deliveries d join webhook_events e on e.seq = d.seq
         where d.webhook_id = p_webhook_id and d.state = 'waiting' and v_waiting > 0
    ),
    due as materialized (
        select w.* from waiting w
         where w.due_at <= v_now and not (v_webhook.failures > 0 and exists (select from fresh))
         order by w.due_at, w.seq limit v_limit
    ),
    again as (
        select w.* from waiting w
         where w.seq in (select d.seq from due d)
            or (v_webhook.failures = 0 and w.user_id in (select d.user_id from due d))
         order by w.seq limit 2 * v_limit
    ),
    taken as (
        select a.seq, a.event_id, a.type, a.user_id, a.resource, a.at, a.data, a.attempts, a.failing_ms, true as is_again,
               false as is_behind
          from again a
        union all
        select f.seq, f.event_id, f.type, f.user_id, f.resource, f.at, f.data, 0, 0, false,
               coalesce(f.user_id in (select w.user_id from waiting w), false)
          from fresh f
    )
    select case when (select count(*) from fresh) = v_limit then (select max(f.seq) from fresh f)
                else coalesce((select max(l.seq) from looked l), v_webhook.done_seq) end,
           coalesce(jsonb_agg(jsonb_build_object(
               'seq', t.seq, 'event_id', t.event_id, 'type', t.type, 'user_id', t.user_id, 'resource', t.resource,
               'at', ms(t.at), 'data', webhook_data(t.data) || payout_data(t.user_id, t.data), 'attempts', t.attempts,
               'failing_ms', t.failing_ms::bigint, 'is_again', t.is_again, 'is_behind', t.is_behind) order by t.seq), '[]')
      into upto, events from taken t;
    return next;
end $$;

-- What an event says, with the reward of its bonus.
create or replace function webhook_data(p_data jsonb) returns jsonb language sql stable as $$
    select case when p_data ? 'bonus_id'
                then p_data || jsonb_build_object('reward', (select b.reward from bonuses b
                                                              where b.bonus_id = (p_data ->> 'bonus_id')::uuid))
                else p_data end
$$;

-- And what the payout service said, if it is about a payout: the ids are the user's, and are read when they are sent.
create or replace function payout_data(p_user_id text, p_data jsonb) returns jsonb language sql stable as $$
    select coalesce((select jsonb_strip_nulls(jsonb_build_object('payout_id', p.payout_id, 'reason', p.reason,
                                                                 'gave_back', nullif(p.gave_back, false)))
                       from payouts p
                      where p.bonus_id = (p_data ->> 'bonus_id')::uuid and p.user_id = p_user_id
                        and p.revision = (p_data ->> 'revision')::integer), '{}')
$$;
