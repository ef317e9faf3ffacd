-- A message to an audience, and its place in the stream of broadcasts, unless it is for listed users.
-- The counter's row is locked until the commit, so seq is gap-free and follows the order of commits.
create or replace function create_broadcast(
    p_broadcast_id uuid, p_kind text, p_bonus_id uuid, p_news jsonb, p_fingerprint text,
    p_audience text, p_resource text, p_expires_at timestamptz, p_now timestamptz
) returns void language plpgsql as $$
declare
    v_seq bigint;
begin
    if p_audience <> 'users' then
        update broadcast_stream set seq = seq + 1 returning seq into v_seq;
    end if;
    insert into broadcasts (broadcast_id, kind, bonus_id, news, fingerprint, audience, resource, seq,
                            follows, at, expires_at)
        values (p_broadcast_id, p_kind, p_bonus_id, p_news, p_fingerprint, p_audience, p_resource, v_seq,
                case when p_audience <> 'users' then coalesce(
                    (select max(b.seq) from broadcasts b
                      where b.audience = p_audience and b.resource is not distinct from p_resource), 0) end,
                p_now, p_expires_at);
end $$;

-- A new bonus, its stock, its offers if it is for listed users, their ledger, and its broadcast. The id
-- is the caller's. Returns
--   created
--   repeated     the same order came before; nothing is changed
--   conflict     another order has this id, or news; nothing is changed
--   window_over  it would close before it opens to anybody; nothing is written
-- p_opens_in: counted from now, or p_opens_at instead. p_fingerprint: of the order, to tell a repeated one.
create or replace function create_bonus(
    p_bonus_id uuid, p_reward jsonb, p_audience text, p_resource text, p_user_ids text[],
    p_opens_in interval, p_window interval, p_stock integer, p_min_watched interval,
    p_opens_at timestamptz default null, p_acknowledge boolean default false,
    p_fingerprint text default null, p_rule_id uuid default null, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_opens_at timestamptz := coalesce(p_opens_at, v_now + p_opens_in);
begin
    if not exists (select from bonuses b where b.bonus_id = p_bonus_id) then
        if v_opens_at + p_window <= v_now then
            return 'window_over';
        end if;
        -- Its broadcast has the bonus' id, and there are news that have it.
        if exists (select from broadcasts b where b.broadcast_id = p_bonus_id) then
            return 'conflict';
        end if;
    end if;
    insert into bonuses (bonus_id, reward, audience, resource, opens_at, expires_at, stock, min_watched,
                         acknowledge, fingerprint, rule_id, created_at, queued_at)
        values (p_bonus_id, p_reward, p_audience, p_resource, v_opens_at, v_opens_at + p_window, p_stock,
                p_min_watched, p_acknowledge, p_fingerprint, p_rule_id, v_now,
                -- Unused since broadcasts have it; the release before this one still looks for nulls.
                v_now)
        on conflict (bonus_id) do nothing;
    if not found then
        return (select case when b.fingerprint is not distinct from p_fingerprint then 'repeated'
                            else 'conflict' end
                  from bonuses b where b.bonus_id = p_bonus_id);
    end if;
    insert into ledger (bonus_id, entry, at) values (p_bonus_id, 'created', v_now);
    with offered as (
        insert into offers (bonus_id, user_id)
            select distinct p_bonus_id, user_id from unnest(p_user_ids) as listed(user_id)
            returning bonus_id, user_id
    )
    insert into ledger (bonus_id, user_id, entry, at)
        select bonus_id, user_id, 'offered', v_now from offered;
    -- 128 slots: more claims at once than that take turns. The first slots take the remainder.
    insert into bonus_stock (bonus_id, slot, remaining)
        select p_bonus_id, slot, p_stock / slots + (slot < p_stock % slots)::integer
          from least(p_stock, 128) as slots, generate_series(0, slots - 1) as slot
         where p_stock is not null;
    perform create_broadcast(p_bonus_id, 'offer', p_bonus_id, null, null, p_audience, p_resource,
                             v_opens_at + p_window, v_now);
    return 'created';
end $$;

-- News for an audience, until they are over. The id is the caller's. Returns created, repeated or
-- conflict, as create_bonus does.
create or replace function create_news(
    p_broadcast_id uuid, p_news jsonb, p_audience text, p_resource text, p_good_for interval,
    p_fingerprint text, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    -- One at a time, before the look: whoever came second sees what the first made.
    perform from broadcast_stream for update;
    if exists (select from broadcasts b where b.broadcast_id = p_broadcast_id) then
        return (select case when b.fingerprint is not distinct from p_fingerprint then 'repeated'
                            else 'conflict' end
                  from broadcasts b where b.broadcast_id = p_broadcast_id);
    end if;
    perform create_broadcast(p_broadcast_id, 'news', null, p_news, p_fingerprint, p_audience, p_resource,
                             v_now + p_good_for, v_now);
    return 'created';
end $$;

-- The last entries of a bonus' ledger: 'cancelled' or 'expired', for the bonus, and for each of its
-- offers that was not claimed. The caller holds the bonus' lock, so no claim is under way.
create or replace function close_ledger(p_bonus_id uuid, p_entry text, p_at timestamptz)
returns void language sql as $$
    update bonuses set ledger_closed_at = p_at where bonus_id = p_bonus_id;
    insert into ledger (bonus_id, user_id, entry, at)
        select p_bonus_id, null, p_entry, p_at
        union all
        select o.bonus_id, o.user_id, p_entry, p_at from offers o
         where o.bonus_id = p_bonus_id and not exists (
             select from claims c where c.bonus_id = o.bonus_id and c.user_id = o.user_id)
$$;

-- No claim that begins after this is granted; what was granted stays. Its audience is told. Returns
-- cancelled; already_cancelled or expired: nothing is changed; null: there is no such bonus.
create or replace function cancel_bonus(
    p_bonus_id uuid, p_cancel_id uuid, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz;
    v_bonus bonuses;
begin
    perform lock_bonus(p_bonus_id);
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_bonus from bonuses b where b.bonus_id = p_bonus_id;
    if not found or v_bonus.cancelled_at is not null then
        return case when found then 'already_cancelled' end;
    end if;
    if v_now > v_bonus.expires_at then
        return 'expired';
    end if;
    update bonuses set cancelled_at = v_now where bonus_id = p_bonus_id;
    perform close_ledger(p_bonus_id, 'cancelled', v_now);
    perform create_broadcast(p_cancel_id, 'cancel', p_bonus_id, null, null, v_bonus.audience,
                             v_bonus.resource, v_bonus.expires_at, v_now);
    return 'cancelled';
end $$;

-- Bonuses whose window is over, and the allowance for claims on their way with it, get their last
-- entries: at most p_limit bonuses, oldest first. Returns how many.
create or replace function close_bonuses(p_limit integer, p_now timestamptz default null)
returns integer language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_bonus bonuses;
    v_closed integer := 0;
begin
    for v_bonus in
        select * from bonuses where ledger_closed_at is null and expires_at < v_now - interval '1 second'
         order by expires_at limit p_limit
    loop
        perform lock_bonus(v_bonus.bonus_id);
        -- Another run, or whoever cancelled it, may have been first.
        continue when not exists (
            select from bonuses b where b.bonus_id = v_bonus.bonus_id and b.ledger_closed_at is null);
        perform close_ledger(v_bonus.bonus_id, 'expired', v_bonus.expires_at);
        v_closed := v_closed + 1;
    end loop;
    return v_closed;
end $$;
