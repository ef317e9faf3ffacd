-- Record what became of a grant, and tell its user: a row of `payouts`, an entry of the ledger and an event of the
-- user's stream. Returns one row; outcome
--   recorded
--   repeated         the same came before; nothing changed
--   and, with nothing written:
--   conflict         this grant has a payout of this id that says something else
--   unknown          the user has no such grant
--   already_decided  another payout is in force than p_corrects (null: none): in_force
--   given_back       what it would correct went back to the stock, and may be another user's
-- p_payout_id: the payout service's own, once for each grant. p_give_back: with state rejected, give what the claim took
-- back to the stock; gave_back: that was done, for the bonus could still be claimed. p_author: whose key that was.
-- epoch, event, others: as in `act`; null if the user has no stream (any more) or the event has been pruned.
create or replace function record_payout(
    p_bonus_id uuid, p_user_id text, p_payout_id text, p_state text, p_reason text, p_give_back boolean,
    p_corrects text, p_author text, p_now timestamptz default null,
    out outcome text, out in_force text, out gave_back boolean, out recorded_at bigint, out server_now bigint,
    out epoch uuid, out event jsonb, out others jsonb
) language plpgsql as $$
declare
    v_now timestamptz;
    v_last payouts;
    v_new payouts;
    v_event user_events;
begin
    v_now := lock_user(p_user_id, p_now);
    server_now := ms(v_now);
    -- It stays, and keeps its user, until this is written.
    perform from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id for key share;
    if not found then
        outcome := 'unknown';
        return;
    end if;
    select * into v_last from payouts p
     where p.bonus_id = p_bonus_id and p.user_id = p_user_id order by p.revision desc limit 1;
    in_force := v_last.payout_id;
    select * into v_new from payouts p
     where p.bonus_id = p_bonus_id and p.user_id = p_user_id and p.payout_id = p_payout_id;
    outcome := case
        when v_new.revision is not null then
            case when (v_new.state, v_new.give_back, v_new.reason, payout_id_of(v_new, v_new.revision - 1))
                      is not distinct from (p_state, p_give_back, p_reason, p_corrects) then 'repeated'
                 else 'conflict' end
        when in_force is distinct from p_corrects then 'already_decided'
        when v_last.gave_back then 'given_back'
        else 'recorded' end;
    if outcome = 'recorded' then
        insert into payouts (bonus_id, user_id, revision, payout_id, state, reason, give_back, gave_back,
                             author, at)
            values (p_bonus_id, p_user_id, coalesce(v_last.revision, 0) + 1, p_payout_id, p_state, p_reason,
                    p_give_back, p_give_back and return_to_stock(p_bonus_id, v_now), p_author, v_now)
            returning * into v_new;
        v_event := tell_payout(v_new);
        perform tell_webhooks('bonus.' || p_state, p_user_id, b.resource, v_now, jsonb_build_object(
                    'bonus_id', p_bonus_id, 'grant_id', c.grant_id, 'revision', v_new.revision))
           from claims c left join bonuses b on b.bonus_id = c.bonus_id
          where c.bonus_id = p_bonus_id and c.user_id = p_user_id;
    elsif outcome = 'repeated' then
        select * into v_event from user_events e
         where e.user_id = p_user_id and e.action_id = payout_event_id(v_new);
    else
        return;
    end if;
    gave_back := v_new.gave_back;
    recorded_at := ms(v_new.at);
    if v_event.seq is not null then
        select e.epoch into epoch from stream_epoch e;
        event := event_json(v_event);
        others := connections_of(p_user_id);
    end if;
end $$;

-- What the payout service calls a revision of the same grant; null: there is none.
create or replace function payout_id_of(p_payout payouts, p_revision integer) returns text language sql stable as $$
    select p.payout_id from payouts p
     where p.bonus_id = p_payout.bonus_id and p.user_id = p_payout.user_id and p.revision = p_revision
$$;

-- The id of the event that tells a payout: no client can choose one with a dot.
create or replace function payout_event_id(p_payout payouts) returns text language sql immutable as $$
    select 'payout.' || p_payout.bonus_id || '.' || p_payout.revision
$$;

-- Write a payout into the ledger and the stream of its user, and return the event; null if there is no stream: that of
-- an erased user must not begin again.
create or replace function tell_payout(p_payout payouts) returns user_events language plpgsql as $$
begin
    insert into ledger (bonus_id, user_id, entry, at, payout_revision)
        values (p_payout.bonus_id, p_payout.user_id, p_payout.state, p_payout.at, p_payout.revision);
    perform from user_streams s where s.user_id = p_payout.user_id for update;
    if not found then
        return null;
    end if;
    return append_event(p_payout.user_id, 'bonus.' || p_payout.state,
        jsonb_build_object('bonus_id', p_payout.bonus_id, 'reason', p_payout.reason, 'reward',
                           (select b.reward from bonuses b where b.bonus_id = p_payout.bonus_id)),
        null, null, payout_event_id(p_payout), p_payout.at);
end $$;
