CREATE TYPE public.ending AS ENUM (
    'client',
    'idle',
    'expired',
    'swept',
    'node_lost',
    'kicked',
    'moved'
);

CREATE TYPE public.presence_fact AS ENUM (
    'online',
    'offline'
);

CREATE FUNCTION public.ack(p_user_id text, p_bonus_id uuid, p_gap interval DEFAULT '00:00:00'::interval, p_burst integer DEFAULT 1, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT outcome text, OUT wait_ms integer) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, v_now);
    outcome := 'acked';
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
    else
        -- A power cut may lose it: the user is told once more then.
        perform set_config('synchronous_commit', 'off', true);
        insert into acks (bonus_id, user_id, at)
            select b.bonus_id, p_user_id, v_now from bonuses b
             where b.bonus_id = p_bonus_id and b.acknowledge
            on conflict do nothing;
    end if;
end $$;

CREATE FUNCTION public.act(p_user_id text, p_action_id text, p_type text, p_body jsonb, p_patch jsonb DEFAULT NULL::jsonb, p_gap interval DEFAULT '00:00:00'::interval, p_burst integer DEFAULT 1, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT outcome text, OUT wait_ms integer, OUT server_now bigint, OUT epoch uuid, OUT event jsonb, OUT others jsonb) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_event user_events;
    v_state jsonb;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    wait_ms := spend(p_user_id, p_gap, p_burst, v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return;
    end if;
    v_now := lock_user(p_user_id, p_now);
    select * into v_event from user_events where user_id = p_user_id and action_id = p_action_id;
    if not found and p_patch is not null then
        v_state := merge_patch((select state from user_streams where user_id = p_user_id), p_patch);
    end if;
    if v_event.seq is not null then
        outcome := case when v_event.type = p_type and v_event.body = p_body
                             and v_event.patch is not distinct from p_patch then 'repeated'
                        else 'conflict' end;
    elsif octet_length(p_body::text) + coalesce(octet_length(p_patch::text), 0) > 16384 then
        outcome := 'too_large';
    elsif octet_length(v_state::text) > 16384 then
        outcome := 'state_too_large';
    else
        outcome := 'acted';
        v_event := append_event(p_user_id, p_type, p_body, p_patch, v_state, p_action_id, v_now);
    end if;
    server_now := ms(v_now);
    select e.epoch into epoch from stream_epoch e;
    event := event_json(v_event);
    others := connections_of(p_user_id);
end $$;

CREATE TABLE public.user_events (
    user_id text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    body jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    action_id text NOT NULL,
    patch jsonb
);

CREATE FUNCTION public.append_event(p_user_id text, p_type text, p_body jsonb, p_patch jsonb, p_state jsonb, p_action_id text, p_now timestamp with time zone) RETURNS public.user_events
    LANGUAGE plpgsql
    AS $$
declare
    v_event user_events;
begin
    insert into user_streams as s (user_id, seq, state)
        values (p_user_id, 1, coalesce(p_state, '{}'))
        on conflict (user_id) do update set seq = s.seq + 1, state = coalesce(p_state, s.state)
        returning s.user_id, s.seq into v_event.user_id, v_event.seq;
    insert into user_events (user_id, seq, type, body, patch, at, action_id)
        values (p_user_id, v_event.seq, p_type, p_body, p_patch, p_now, p_action_id)
        returning * into v_event;
    return v_event;
end $$;

CREATE FUNCTION public.award(p_limit integer, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_rule award_rules;
    v_bonus_id uuid;
    v_due jsonb;
    v_made integer := 0;
begin
    for v_rule in
        select * from award_rules r where r.ended_at is null order by r.rule_id for update skip locked
    loop
        with watching as (
            select w.id, w.user_id, greatest(w.join_at, v_rule.created_at) as since
              from watching_times w
             where w.terminate_at is null and (v_rule.resource is null or w.resource = v_rule.resource)
        ),
        reached as (
            select id, user_id, since,
                   floor(extract(epoch from v_now - since) / extract(epoch from v_rule.every)) as nth,
                   (select coalesce(max(a.nth), 0) from awards a
                     where a.rule_id = v_rule.rule_id and a.session_id = id) as last_nth
              from watching
        )
        select jsonb_agg(due) into v_due from (
            select id, user_id, nth::bigint from reached where nth > last_nth
             order by since + last_nth * v_rule.every limit p_limit) as due;
        continue when v_due is null;
        v_bonus_id := gen_random_uuid();
        perform create_bonus(
            v_bonus_id, v_rule.reward, 'users', null,
            array(select d ->> 'user_id' from jsonb_array_elements(v_due) d),
            interval '0', v_rule.claim_within, null, null,
            p_acknowledge => true, p_rule_id => v_rule.rule_id, p_now => v_now);
        insert into awards (rule_id, session_id, nth, bonus_id)
            select v_rule.rule_id, (d ->> 'id')::bigint, (d ->> 'nth')::bigint, v_bonus_id
              from jsonb_array_elements(v_due) d;
        v_made := v_made + 1;
    end loop;
    return v_made;
end $$;

CREATE TABLE public.bonuses (
    bonus_id uuid DEFAULT gen_random_uuid() NOT NULL,
    reward jsonb NOT NULL,
    audience text NOT NULL,
    resource text,
    opens_at timestamp with time zone NOT NULL,
    closes_at timestamp with time zone NOT NULL,
    stock integer,
    min_watched interval,
    rule_id uuid,
    created_at timestamp with time zone NOT NULL,
    cancelled_at timestamp with time zone,
    queued_at timestamp with time zone,
    acknowledge boolean DEFAULT false NOT NULL,
    fingerprint text,
    closed_at timestamp with time zone,
    CONSTRAINT a_resource_has_a_name CHECK (((audience = 'resource'::text) = (resource IS NOT NULL))),
    CONSTRAINT bonuses_audience_check CHECK ((audience = ANY (ARRAY['everyone'::text, 'resource'::text, 'users'::text]))),
    CONSTRAINT bonuses_min_watched_check CHECK ((min_watched > '00:00:00'::interval)),
    CONSTRAINT bonuses_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT bonuses_reward_check CHECK ((octet_length((reward)::text) <= 4096)),
    CONSTRAINT bonuses_stock_check CHECK ((stock > 0)),
    CONSTRAINT opens_before_it_closes CHECK ((opens_at < closes_at))
);

CREATE FUNCTION public.bonus_json(p_bonus public.bonuses, p_outcome text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select jsonb_build_object('bonus_id', p_bonus.bonus_id, 'reward', p_bonus.reward,
                              'opens_at', ms(p_bonus.opens_at), 'expires_at', ms(p_bonus.closes_at),
                              'outcome', p_outcome, 'acknowledge', p_bonus.acknowledge)
$$;

CREATE FUNCTION public.bonus_state(p_bonus public.bonuses, p_now timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    select case when p_bonus.cancelled_at is not null then 'cancelled'
                when p_now < p_bonus.opens_at then 'upcoming'
                when p_now <= p_bonus.closes_at then 'open'
                else 'expired' end
$$;

CREATE FUNCTION public.cancel_bonus(p_bonus_id uuid, p_cancel_id uuid, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    AS $$
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
    if v_now > v_bonus.closes_at then
        return 'expired';
    end if;
    update bonuses set cancelled_at = v_now where bonus_id = p_bonus_id;
    perform close_ledger(p_bonus_id, 'cancelled', v_now);
    perform create_broadcast(p_cancel_id, 'cancel', p_bonus_id, null, null, v_bonus.audience,
                             v_bonus.resource, v_bonus.closes_at, v_now);
    return 'cancelled';
end $$;

CREATE FUNCTION public.claim(p_user_id text, p_claim_id text, p_bonus_id uuid, p_gap interval DEFAULT '00:00:00'::interval, p_burst integer DEFAULT 1, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT outcome text, OUT wait_ms integer, OUT server_now bigint, OUT epoch uuid, OUT event jsonb, OUT bonus jsonb, OUT others jsonb) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_now   timestamptz := coalesce(p_now, clock_timestamp());
    v_look  record;
    v_bonus bonuses;
    v_event user_events;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    wait_ms := spend(p_user_id, p_gap, p_burst, v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return;
    end if;
    select * into v_look from claim_look(p_user_id, p_claim_id, p_bonus_id, v_now);
    outcome := v_look.outcome;
    -- Expired: another device's claim, from before the end, may still be under way.
    if outcome is null or outcome = 'expired' then
        perform lock_user(p_user_id, p_now), share_bonus(p_bonus_id);
        v_now := coalesce(p_now, clock_timestamp());
        select * into v_look from claim_look(p_user_id, p_claim_id, p_bonus_id, v_now);
        outcome := v_look.outcome;
        if outcome is null and (v_look.bonus).stock is not null and not take_from_stock(p_bonus_id) then
            outcome := 'sold_out';
        end if;
    end if;
    v_bonus := v_look.bonus;
    v_event := v_look.event;
    if outcome is null then
        outcome := 'claimed';
        insert into claims values (p_bonus_id, p_user_id, p_claim_id, v_now);
        insert into ledger (bonus_id, user_id, entry, at)
            values (p_bonus_id, p_user_id, 'claimed', v_now);
        v_event := append_event(p_user_id, 'bonus.claimed',
            jsonb_build_object('bonus_id', p_bonus_id, 'reward', v_bonus.reward),
            null, null, p_claim_id, v_now);
    end if;
    server_now := ms(v_now);
    if outcome in ('claimed', 'sold_out') then
        others := connections_of(p_user_id);
    end if;
    if outcome = 'claimed' and v_event.seq is not null then
        select e.epoch into epoch from stream_epoch e;
        event := event_json(v_event);
    elsif outcome = 'sold_out' and jsonb_array_length(others) > 1 then
        bonus := bonus_json(v_bonus, outcome);
    end if;
end $$;

CREATE FUNCTION public.claim_look(p_user_id text, p_claim_id text, p_bonus_id uuid, p_now timestamp with time zone, OUT outcome text, OUT bonus public.bonuses, OUT event public.user_events) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_seen record;
begin
    select b as bonus, e as event, c.claim_id,
           b.stock is not null and not exists (
               select from bonus_stock s where s.bonus_id = p_bonus_id) as is_sold_out
      into v_seen
      from (select) as one
           left join bonuses b on b.bonus_id = p_bonus_id
           left join claims c on c.bonus_id = p_bonus_id and c.user_id = p_user_id
           left join user_events e on e.user_id = p_user_id and e.action_id = p_claim_id;
    bonus := v_seen.bonus;
    event := v_seen.event;
    if v_seen.claim_id = p_claim_id then
        outcome := 'claimed';
    elsif event.seq is not null then
        outcome := 'conflict';
    elsif v_seen.claim_id is not null then
        outcome := 'already_claimed';
    else
        outcome := claim_refusal(bonus, p_user_id, p_now);
        if outcome is null and v_seen.is_sold_out then
            outcome := 'sold_out';
        end if;
    end if;
end $$;

CREATE FUNCTION public.claim_refusal(p_bonus public.bonuses, p_user_id text, p_now timestamp with time zone) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
begin
    if p_bonus.bonus_id is null then
        return 'unknown_bonus';
    elsif p_bonus.cancelled_at is not null then
        return 'cancelled';
    elsif p_now < p_bonus.opens_at then
        return 'too_early';
    -- Half a second for a claim made in time that was still on its way.
    elsif p_now > p_bonus.closes_at + interval '500 milliseconds' then
        return 'expired';
    elsif p_bonus.audience = 'users' and not exists (
        select from offers o where o.user_id = p_user_id and o.bonus_id = p_bonus.bonus_id) then
        return 'not_eligible';
    elsif p_bonus.audience <> 'users' and not exists (
        select from watching_times w
         where w.user_id = p_user_id and w.terminate_at is null
           and (p_bonus.resource is null or w.resource = p_bonus.resource)) then
        return 'not_eligible';
    elsif p_bonus.min_watched is not null
          and watched(p_user_id, p_bonus.resource, p_now) < p_bonus.min_watched then
        return 'not_eligible';
    end if;
    return null;
end $$;

CREATE FUNCTION public.clipped(p_join_at timestamp with time zone, p_terminate_at timestamp with time zone, p_ended_within interval, p_from timestamp with time zone, p_to timestamp with time zone, p_now timestamp with time zone) RETURNS TABLE(starts_at timestamp with time zone, ends_at timestamp with time zone, doubt_at timestamp with time zone, sure_at timestamp with time zone)
    LANGUAGE sql IMMUTABLE
    AS $$
    select case when is_in then a end, case when is_in then b end,
           case when is_doubted then doubt end, case when is_doubted then sure end
      from (select a, b, b > a or (b = a and b = p_join_at) as is_in,
                   doubt, sure, p_ended_within > interval '0' and sure > doubt as is_doubted
              from (select greatest(p_join_at, p_from) as a,
                           least(coalesce(p_terminate_at, p_now), p_to) as b,
                           greatest(p_terminate_at, p_from) as doubt,
                           least(p_terminate_at + p_ended_within, p_to) as sure) as bounds
           ) as judged
$$;

CREATE FUNCTION public.close_bonuses(p_limit integer, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_bonus bonuses;
    v_closed integer := 0;
begin
    for v_bonus in
        select * from bonuses where closed_at is null and closes_at < v_now - interval '1 second'
         order by closes_at limit p_limit
    loop
        perform lock_bonus(v_bonus.bonus_id);
        -- Another run, or whoever cancelled it, may have been first.
        continue when not exists (
            select from bonuses b where b.bonus_id = v_bonus.bonus_id and b.closed_at is null);
        perform close_ledger(v_bonus.bonus_id, 'expired', v_bonus.closes_at);
        v_closed := v_closed + 1;
    end loop;
    return v_closed;
end $$;

CREATE FUNCTION public.close_ledger(p_bonus_id uuid, p_entry text, p_at timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    update bonuses set closed_at = p_at where bonus_id = p_bonus_id;
    insert into ledger (bonus_id, user_id, entry, at)
        select p_bonus_id, null, p_entry, p_at
        union all
        select o.bonus_id, o.user_id, p_entry, p_at from offers o
         where o.bonus_id = p_bonus_id and not exists (
             select from claims c where c.bonus_id = o.bonus_id and c.user_id = o.user_id)
$$;

CREATE FUNCTION public.connect(p_user_id text, p_resource text, p_node text, p_connection_id text, p_ticket_id text, p_ticket_expires_at timestamp with time zone, p_grace interval, p_most integer DEFAULT 50, p_device text DEFAULT NULL::text, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz;
    v_connection jsonb;
    v_session_id bigint;
    v_opened text;
    v_outcome text;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    v_now := lock_user(p_user_id, p_now);
    if not may_open(p_ticket_expires_at, v_now) then
        return 'refused';
    end if;
    v_connection := jsonb_build_object(
        'at', extract(epoch from v_now)::numeric(14, 3),
        'ticket', p_ticket_id, 'until', ceil(extract(epoch from p_ticket_expires_at))::bigint);
    if p_device is not null then
        v_connection := v_connection || jsonb_build_object('device', p_device);
    end if;

    -- Most who come have been nowhere a moment ago. What follows would open their session as well; in
    -- place it takes half the time.
    insert into watching_times (user_id, resource, join_at, seen_at, nodes)
        select p_user_id, p_resource, v_now, v_now,
               jsonb_build_object(p_node, jsonb_build_object(p_connection_id, v_connection))
         where p_most > 0 and not exists (select from watching_times where user_id = p_user_id)
           and not exists (select from used_tickets where ticket_id = p_ticket_id)
        returning id into v_session_id;
    if found then
        insert into pending_facts (due_at, fact, session_id, user_id, resource, at)
            values (v_now, 'online', v_session_id, p_user_id, p_resource, v_now);
        return 'opened';
    end if;

    if exists (select from used_tickets where ticket_id = p_ticket_id) then
        return 'refused';
    end if;
    select c.connection_id into v_opened from watching_times w, connections(w.nodes) c
     where w.user_id = p_user_id and c.ticket_id = p_ticket_id;
    if found then
        return case when v_opened = p_connection_id then 'repeated' else 'refused' end;
    end if;
    v_outcome := enter(p_user_id, p_resource, p_node, p_connection_id, v_connection,
                       p_grace, p_most, v_now);
    if v_outcome = 'too_many' then
        -- The handshake is refused: should the event come again, it must not open anything.
        perform use_up(p_ticket_id, p_ticket_expires_at, v_now);
    end if;
    return v_outcome;
end $$;

CREATE FUNCTION public.connection_list(p_nodes jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select jsonb_agg(jsonb_build_array(c.node, c.connection_id)) from connections(p_nodes) c
$$;

CREATE FUNCTION public.connections(p_nodes jsonb) RETURNS TABLE(node text, connection_id text, opened_at timestamp with time zone, device text, seen_at timestamp with time zone, ticket_id text)
    LANGUAGE sql IMMUTABLE ROWS 2
    AS $$
    select n.key, c.key, to_timestamp((c.value ->> 'at')::float8), c.value ->> 'device',
           to_timestamp((c.value ->> 'seen')::float8), c.value ->> 'ticket'
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
$$;

CREATE FUNCTION public.connections_of(p_user_id text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select coalesce(jsonb_agg(jsonb_build_array(c.node, c.connection_id)), '[]')
      from watching_times w, connections(w.nodes) c
     where w.user_id = p_user_id and w.terminate_at is null
$$;

CREATE FUNCTION public.count_connections(p_user_id text) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    select coalesce(sum(size(nodes)), 0)
      from watching_times where user_id = p_user_id
$$;

CREATE FUNCTION public.create_bonus(p_bonus_id uuid, p_reward jsonb, p_audience text, p_resource text, p_user_ids text[], p_opens_in interval, p_window interval, p_stock integer, p_min_watched interval, p_opens_at timestamp with time zone DEFAULT NULL::timestamp with time zone, p_acknowledge boolean DEFAULT false, p_fingerprint text DEFAULT NULL::text, p_rule_id uuid DEFAULT NULL::uuid, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    AS $$
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
    insert into bonuses (bonus_id, reward, audience, resource, opens_at, closes_at, stock, min_watched,
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

CREATE FUNCTION public.create_broadcast(p_broadcast_id uuid, p_kind text, p_bonus_id uuid, p_news jsonb, p_fingerprint text, p_audience text, p_resource text, p_expires_at timestamp with time zone, p_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.create_news(p_broadcast_id uuid, p_news jsonb, p_audience text, p_resource text, p_good_for interval, p_fingerprint text, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.csv_cell(p_name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select case when p_name ~ '^[-=+@\t\r\n''＝＋－＠]' then '''' || p_name else p_name end
$$;

CREATE FUNCTION public.disconnect(p_user_id text, p_node text, p_connection_id text, p_ended_by text, p_ticket_id text, p_ticket_expires_at timestamp with time zone, p_grace interval DEFAULT '00:00:30'::interval, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    v_now := lock_user(p_user_id, p_now);
    if may_open(p_ticket_expires_at, v_now) then  -- or it would be a query in vain
        perform use_up(p_ticket_id, p_ticket_expires_at, v_now);
    end if;
    if set_config('synchronous_commit', 'off', true) is null then
        return null;
    end if;

    -- Most who go had this one connection. `leave` would end their session as well; in place it takes
    -- two thirds of the time.
    with closed as (
        update watching_times
           set nodes = '{}', seen_at = greatest(seen_at, v_now),
               terminate_at = greatest(seen_at, v_now),
               ended_by = p_ended_by::ending, ended_within = interval '0'
         where user_id = p_user_id and p_ended_by <> 'kicked'
           and nodes - p_node = '{}' and (nodes -> p_node) - p_connection_id = '{}'
        returning *
    )
    insert into pending_facts (due_at, fact, session_id, user_id, resource, at)
        select terminate_at + p_grace, 'offline', id, user_id, resource, terminate_at from closed;
    return found
        or leave(p_user_id, p_node, p_connection_id, p_ended_by::ending, v_now, v_now, p_grace, v_now);
end $$;

CREATE FUNCTION public.doubt(p_user_ids text[], p_nodes text[], p_connection_ids text[], p_is_doubted boolean[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_one record;
begin
    for v_one in
        select * from unnest(p_user_ids, p_nodes, p_connection_ids, p_is_doubted)
            as d(user_id, node, connection_id, is_doubted)
         order by hashtextextended(d.user_id, 0)
    loop
        perform lock_user(v_one.user_id, null);
        update watching_times w
           set nodes = with_connection(
               w.nodes, v_one.node, v_one.connection_id,
               case when v_one.is_doubted
                    then (w.nodes -> v_one.node -> v_one.connection_id) || jsonb_build_object(
                         'seen', extract(epoch from last_evidence(c.opened_at, c.seen_at))::numeric(14, 3))
                    else (w.nodes -> v_one.node -> v_one.connection_id) - 'seen' end)
          from watching_times o, connections(o.nodes) c
         where o.user_id = w.user_id and o.resource = w.resource
           and w.user_id = v_one.user_id and c.node = v_one.node
           and c.connection_id = v_one.connection_id;
    end loop;
end $$;

CREATE TABLE public.broadcast_shards (
    broadcast_id uuid NOT NULL,
    round smallint NOT NULL,
    shard integer NOT NULL,
    page integer DEFAULT 0 NOT NULL,
    after_user_id text NOT NULL,
    after_resource text NOT NULL,
    reading_user_id text,
    reading_resource text,
    reading_is_last boolean,
    until_user_id text,
    until_resource text,
    worker uuid,
    held_until timestamp with time zone,
    done_at timestamp with time zone,
    sent bigint DEFAULT 0 NOT NULL,
    gone bigint DEFAULT 0 NOT NULL,
    undelivered bigint DEFAULT 0 NOT NULL,
    dropped bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.broadcasts (
    broadcast_id uuid NOT NULL,
    kind text NOT NULL,
    bonus_id uuid,
    news jsonb,
    fingerprint text,
    audience text NOT NULL,
    resource text,
    seq bigint,
    follows bigint,
    at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    queued_at timestamp with time zone,
    CONSTRAINT a_bonus_or_news CHECK (((kind = 'news'::text) = (bonus_id IS NULL))),
    CONSTRAINT broadcasts_audience_check CHECK ((audience = ANY (ARRAY['everyone'::text, 'resource'::text, 'users'::text]))),
    CONSTRAINT broadcasts_kind_check CHECK ((kind = ANY (ARRAY['offer'::text, 'cancel'::text, 'news'::text]))),
    CONSTRAINT broadcasts_news_check CHECK ((octet_length((news)::text) <= 4096)),
    CONSTRAINT listed_users_have_streams_of_their_own CHECK (((audience = 'users'::text) = (seq IS NULL))),
    CONSTRAINT news_says_something CHECK (((kind = 'news'::text) = (news IS NOT NULL)))
);

CREATE FUNCTION public.drop_page(p_broadcast public.broadcasts, p_bonus public.bonuses, p_shard public.broadcast_shards, p_limit integer, p_now timestamp with time zone) RETURNS integer
    LANGUAGE sql
    AS $$
    update broadcast_shards s
       set after_user_id = coalesce(p.user_id, after_user_id),
           after_resource = coalesce(p.resource, after_resource),
           done_at = case when p.size < p_limit then p_now end,
           dropped = dropped + case when p_shard.round = 1 then p.pushes else 0 end
      from next_page(p_broadcast, p_bonus, p_shard, p_limit, false, p_now) as p
     where s.broadcast_id = p_shard.broadcast_id and s.round = p_shard.round and s.shard = p_shard.shard
    returning case when p_shard.round = 1 then p.pushes else 0 end
$$;

CREATE FUNCTION public.end_connections(p_user_id text, p_session_id bigint, p_nodes text[], p_connection_ids text[], p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz;
    v_one record;
    v_closed integer := 0;
begin
    v_now := lock_user(p_user_id, p_now);
    for v_one in select * from unnest(p_nodes, p_connection_ids) as c(node, connection_id) loop
        v_closed := v_closed + leave(p_user_id, v_one.node, v_one.connection_id, 'kicked',
                                     v_now, v_now, interval '0', v_now)::integer;
    end loop;
    with stopped as (
        update watching_times set ended_by = 'kicked'
         where user_id = p_user_id and terminate_at is not null
           and not is_for_good(ended_by) and (p_session_id is null or id = p_session_id)
        returning *
    )
    insert into pending_facts (due_at, fact, session_id, user_id, resource, at)
        select v_now, 'offline', id, user_id, resource, terminate_at from stopped;
    return v_closed;
end $$;

CREATE FUNCTION public.enter(p_user_id text, p_resource text, p_node text, p_connection_id text, p_connection jsonb, p_grace interval, p_most integer, p_now timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    AS $$
declare
    v_id bigint;
    v_is_new boolean;
    v_is_alone boolean;
begin
    insert into watching_times as w (user_id, resource, join_at, seen_at, nodes)
        select p_user_id, p_resource, p_now, p_now,
               jsonb_build_object(p_node, jsonb_build_object(p_connection_id, p_connection))
         where count_connections(p_user_id) < p_most
        on conflict (user_id, resource) do update
           set nodes = with_connection(w.nodes, p_node, p_connection_id, p_connection),
               seen_at = greatest(w.seen_at, p_now),
               terminate_at = null, ended_by = null, ended_within = null
         where w.terminate_at is null
            or (w.terminate_at > p_now - p_grace and not is_for_good(w.ended_by))
        returning id, xmax = 0, size(nodes) = 1 into v_id, v_is_new, v_is_alone;
    if v_is_new then
        insert into pending_facts (due_at, fact, session_id, user_id, resource, at)
            values (p_now, 'online', v_id, p_user_id, p_resource, p_now);
        return 'opened';
    end if;
    if v_id is not null then
        return case when v_is_alone then 'continued' else 'joined' end;
    end if;
    if count_connections(p_user_id) >= p_most then
        return 'too_many';
    end if;
    -- A session that is over stands in the way: nobody has settled it yet.
    perform settle_session(p_user_id, p_resource, p_now);
    return enter(p_user_id, p_resource, p_node, p_connection_id, p_connection, p_grace, p_most, p_now);
end $$;

CREATE FUNCTION public.event_json(p_event public.user_events) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select jsonb_build_object('seq', p_event.seq, 'type', p_event.type, 'body', p_event.body,
                              'at', ms(p_event.at), 'id', p_event.action_id)
        || case when p_event.patch is null then '{}'
                else jsonb_build_object('patch', p_event.patch) end
$$;

CREATE FUNCTION public.forget(p_user_ids text[], p_nodes text[], p_connection_ids text[], p_ended_by text[], p_grace interval DEFAULT '00:00:30'::interval, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    v_gone record;
    v_opened_at timestamptz;
    v_seen_at timestamptz;
    v_now timestamptz;
    v_closed integer := 0;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    for v_gone in
        select * from unnest(p_user_ids, p_nodes, p_connection_ids, p_ended_by)
            as g(user_id, node, connection_id, ended_by)
         order by hashtextextended(g.user_id, 0)
    loop
        v_now := lock_user(v_gone.user_id, p_now);
        select c.opened_at, last_evidence(c.opened_at, c.seen_at) into v_opened_at, v_seen_at
          from watching_times w, connections(w.nodes) c
         where w.user_id = v_gone.user_id
           and c.node = v_gone.node and c.connection_id = v_gone.connection_id;
        continue when not found or v_opened_at > v_now - interval '1 minute';
        v_closed := v_closed + leave(
            v_gone.user_id, v_gone.node, v_gone.connection_id, v_gone.ended_by::ending,
            v_seen_at, least(v_now, v_opened_at + interval '2 hours'), p_grace, v_now)::integer;
    end loop;
    return v_closed;
end $$;

CREATE FUNCTION public.has_answered(p_bonus_id uuid, p_user_id text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (select from acks a where a.bonus_id = p_bonus_id and a.user_id = p_user_id)
        or exists (select from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id)
$$;

CREATE FUNCTION public.hello(p_user_id text, p_node text, p_connection_id text, p_since bigint, p_epoch text, p_broadcasts_since bigint, p_gap interval DEFAULT '00:00:00'::interval, p_burst integer DEFAULT 1, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(outcome text, wait_ms integer, server_now bigint, resource text, joined_at bigint, connections bigint, watched_ms bigint, epoch uuid, seq bigint, state jsonb, recovered boolean, events jsonb, bonuses jsonb, broadcasts jsonb)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_wait_ms integer := spend(p_user_id, p_gap, p_burst, v_now);
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    if v_wait_ms <> 0 then
        outcome := outcome_of(v_wait_ms);
        wait_ms := v_wait_ms;
        server_now := ms(v_now);
        return next;
        return;
    end if;
    return query
    with session as (
        select resource, join_at, size(nodes)::bigint as connections from watching_times
         where user_id = p_user_id and nodes -> p_node ? p_connection_id
    ),
    stream as (
        select e.epoch, coalesce(s.seq, 0) as seq, coalesce(s.state, '{}') as state,
               case when e.epoch::text = p_epoch and p_since <= coalesce(s.seq, 0) then p_since end as since,
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
         where b.closes_at > v_now
           and (coalesce(look.outcome, 'too_early') in ('claimed', 'too_early')
                or look.outcome = 'cancelled' and case b.audience
                    when 'everyone' then true
                    when 'resource' then b.resource = (select resource from session)
                    else exists (select from offers o
                                  where o.bonus_id = b.bonus_id and o.user_id = p_user_id) end)
         order by b.cancelled_at is not null, b.closes_at limit 10
    ),
    shown_bonuses as (
        select coalesce(jsonb_agg(bonus_json(bonus,
                   case when outcome in ('claimed', 'cancelled') then outcome
                        when (bonus).stock is not null and not exists (
                            select from bonus_stock s where s.bonus_id = (bonus).bonus_id)
                        then 'sold_out' end)
                   order by (bonus).cancelled_at is not null, (bonus).closes_at), '[]') as list
          from open_bonuses
    ),
    latest_news as (
        select b.seq, news_json(b) as news, row_number() over (order by b.seq desc) as n,
               sum(octet_length(b.news::text) + 100) over (order by b.seq desc) as bytes
          from broadcasts b
         where b.kind = 'news' and b.expires_at > v_now and b.seq > (select coalesce(broadcasts_since, 0) from stream)
           and (b.audience = 'everyone' or b.resource = (select resource from session))
    ),
    news as (
        select coalesce(jsonb_agg(news order by seq) filter (where n <= 20 and bytes <= 16384), '[]') as list,
               coalesce(bool_and(n <= 20 and bytes <= 16384), true) as is_all
          from latest_news
    )
    select 'welcome', 0, ms(v_now), session.resource::text, ms(session.join_at),
           coalesce(session.connections, 0),
           case when session.resource is null then 0
                else milliseconds(watched(p_user_id, session.resource, v_now)) end,
           stream.epoch, stream.seq, stream.state,
           stream.since is not null and stream.seq - stream.since = events.shown,
           events.list, shown_bonuses.list,
           jsonb_build_object('seq', broadcast_stream.seq, 'recovered', news.is_all, 'news', news.list)
      from stream cross join events cross join shown_bonuses cross join news cross join broadcast_stream
           left join session on true;
end $$;

CREATE FUNCTION public.hold_shard(p_broadcast_id uuid, p_round integer, p_worker uuid, p_lease interval, p_now timestamp with time zone) RETURNS SETOF public.broadcast_shards
    LANGUAGE sql
    AS $$
    update broadcast_shards s
       set worker = p_worker, held_until = p_now + p_lease,
           reading_user_id = null, reading_resource = null, reading_is_last = null
     where s.broadcast_id = p_broadcast_id and s.round = p_round
       and s.shard = (select f.shard from broadcast_shards f
                       where f.broadcast_id = p_broadcast_id and f.round = p_round and f.done_at is null
                         and (f.worker = p_worker or f.held_until is null or f.held_until < p_now)
                       order by f.worker = p_worker desc nulls last, f.shard limit 1
                       for update skip locked)
    returning s.*
$$;

CREATE FUNCTION public.is_for_good(p_ended_by public.ending) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$ select p_ended_by in ('kicked', 'moved') $$;

CREATE FUNCTION public.keep_months(p_keep_months integer, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(made text[], dropped text[])
    LANGUAGE plpgsql
    AS $_$
declare
    v_now timestamp := coalesce(p_now, clock_timestamp()) at time zone 'UTC';
    v_month timestamp;
    v_name text;
begin
    made := '{}';
    dropped := '{}';
    -- Two at once would wait for each other in a circle.
    if not pg_try_advisory_xact_lock(hashtextextended('keep_months', 1)) then
        return next;
        return;
    end if;
    perform set_config('lock_timeout', '1s', true);
    for v_month in
        select date_trunc('month', v_now) + n * interval '1 month' from generate_series(0, 2) n
        union
        select distinct date_trunc('month', terminate_at at time zone 'UTC') from past_sessions_default
        order by 1
    loop
        v_name := 'past_sessions_' || to_char(v_month, 'YYYY_MM');
        continue when to_regclass(v_name) is not null;
        -- A row on its way to the default would find there, after us, that it does not belong there.
        lock table only past_sessions in share row exclusive mode;
        execute format('create table %I (like past_sessions including all)', v_name);
        execute format('with late as (delete from past_sessions_default
                                       where terminate_at >= $1 and terminate_at < $2 returning *)
                        insert into %I select * from late', v_name)
            using v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC';
        execute format('alter table past_sessions attach partition %I for values from (%L) to (%L)',
                       v_name, v_month at time zone 'UTC',
                       (v_month + interval '1 month') at time zone 'UTC');
        made := made || v_name;
    end loop;
    for v_name in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'past_sessions'::regclass and p_keep_months > 0
           and c.relname ~ '^past_sessions_\d{4}_\d{2}$'
           and to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
               <= date_trunc('month', v_now) - p_keep_months * interval '1 month'
         order by 1
    loop
        execute format('drop table %I', v_name);
        dropped := dropped || v_name;
    end loop;
    return next;
end $_$;

CREATE FUNCTION public.last_evidence(p_opened_at timestamp with time zone, p_seen_at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    select least(p_opened_at + interval '2 hours',
                 -- Only who was a minute old by then was asked.
                 case when p_seen_at is not null then p_seen_at
                      when p_opened_at < probed_since - interval '1 minute' then probed_since
                      else p_opened_at end)
      from sweep_cursor
$$;

CREATE FUNCTION public.leave(p_user_id text, p_node text, p_connection_id text, p_ended_by public.ending, p_seen_at timestamp with time zone, p_gone_by timestamp with time zone, p_grace interval, p_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_session    watching_times;
    v_connection jsonb;
    v_nodes      jsonb;
    v_seen_at    timestamptz;
    v_within     interval;
begin
    select * into v_session from watching_times
     where user_id = p_user_id and nodes -> p_node ? p_connection_id;
    if not found then
        return false;
    end if;
    v_connection := v_session.nodes -> p_node -> p_connection_id;
    if p_ended_by <> 'moved' then
        perform use_up(v_connection ->> 'ticket', to_timestamp((v_connection ->> 'until')::float8), p_now);
    end if;
    v_nodes := without_connection(v_session.nodes, p_node, p_connection_id);
    v_seen_at := greatest(v_session.seen_at, p_seen_at);
    -- Who left before may have been here longer than who leaves now. So an open session says it too,
    -- until somebody shows that it goes on.
    v_within := greatest(p_gone_by - v_seen_at, v_session.seen_at + v_session.ended_within - v_seen_at,
                         interval '0');
    if v_nodes <> '{}' then
        update watching_times set nodes = v_nodes, seen_at = v_seen_at, ended_within = v_within
         where user_id = p_user_id and resource = v_session.resource;
        return false;
    end if;
    update watching_times
       set nodes = '{}', seen_at = v_seen_at, terminate_at = v_seen_at, ended_by = p_ended_by,
           ended_within = v_within
     where user_id = p_user_id and resource = v_session.resource;
    insert into pending_facts (due_at, fact, session_id, user_id, resource, at)
        values (case when is_for_good(p_ended_by) then p_now
                     else greatest(p_now, v_seen_at + p_grace) end,
                'offline', v_session.id, p_user_id, v_session.resource, v_seen_at);
    return true;
end $$;

CREATE FUNCTION public.ledger_of(p_user_id text, p_before bigint DEFAULT NULL::bigint, p_gap interval DEFAULT '00:00:00'::interval, p_burst integer DEFAULT 1, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(outcome text, wait_ms integer, server_now bigint, entries jsonb, next bigint)
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_before bigint := coalesce(p_before, 9223372036854775807);
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    wait_ms := spend(p_user_id, p_gap, p_burst, v_now);
    if wait_ms <> 0 then
        return query select outcome_of(wait_ms), wait_ms, ms(v_now), null::jsonb, null::bigint;
        return;
    end if;
    return query
        with mine as (
            select l.id, l.entry, l.bonus_id, l.at from ledger l
             where l.user_id = p_user_id and l.id < v_before order by l.id desc limit 20
        ),
        everyones as (
            select l.id, l.entry, l.bonus_id, l.at from ledger l join bonuses b using (bonus_id)
             where l.user_id is null and l.id < v_before
               and (b.audience = 'everyone' or b.resource in (
                   select w.resource from watching_times w
                    where w.user_id = p_user_id and w.terminate_at is null))
             order by l.id desc limit 20
        ),
        page as (
            select * from (table mine union all table everyones) as both_ order by id desc limit 20
        )
        select 'listed', 0, ms(v_now),
               coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'entry', p.entry, 'bonus_id', p.bonus_id,
                                                     'reward', b.reward, 'at', ms(p.at))
                                  order by p.id desc), '[]'),
               case when count(*) = 20 then min(p.id) end
          from page p join bonuses b using (bonus_id);
end $$;

CREATE FUNCTION public.left_of(p_bonus public.bonuses) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    select case when p_bonus.stock is not null then
        (select coalesce(sum(remaining), 0) from bonus_stock s where s.bonus_id = p_bonus.bonus_id) end
$$;

CREATE FUNCTION public.limit_report(p_milliseconds integer) RETURNS void
    LANGUAGE sql
    AS $$
    select set_config('statement_timeout', p_milliseconds::text, true),
           -- "null: all" costs nothing where the planner sees the parameter.
           set_config('plan_cache_mode', 'force_custom_plan', true),
           -- Compiling takes longer than such a report does.
           set_config('jit', 'off', true),
           -- A hash of the users of a week.
           set_config('work_mem', '64MB', true);
$$;

CREATE FUNCTION public.lock_bonus(p_bonus_id uuid) RETURNS void
    LANGUAGE sql
    AS $$ select pg_advisory_xact_lock(hashtextextended(p_bonus_id::text, 1)) $$;

CREATE FUNCTION public.lock_user(p_user_id text, p_now timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql
    AS $$
    select case when pg_advisory_xact_lock(hashtextextended(p_user_id, 0)) is not null
                then coalesce(p_now, clock_timestamp()) end
$$;

CREATE FUNCTION public.may_open(p_expires_at timestamp with time zone, p_now timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$ select p_now <= p_expires_at + interval '1 minute' $$;

CREATE FUNCTION public.merge_patch(p_target jsonb, p_patch jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
    if jsonb_typeof(p_patch) <> 'object' then
        return p_patch;
    end if;
    if jsonb_typeof(p_target) is distinct from 'object' then
        p_target := '{}';
    end if;
    return (select coalesce(jsonb_object_agg(key, value), '{}') from (
        select key, value from jsonb_each(p_target) where not p_patch ? key
        union all
        select key, merge_patch(p_target -> key, value) from jsonb_each(p_patch)
         where value <> 'null') as merged);
end $$;

CREATE FUNCTION public.milliseconds(p_length interval) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ select (extract(epoch from p_length) * 1000)::bigint $$;

CREATE FUNCTION public.ms(p_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$ select (extract(epoch from p_at) * 1000)::bigint $$;

CREATE FUNCTION public.news_json(p_broadcast public.broadcasts) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select p_broadcast.news || jsonb_build_object('seq', p_broadcast.seq, 'at', ms(p_broadcast.at),
                                                  'expires_at', ms(p_broadcast.expires_at))
$$;

CREATE FUNCTION public.next_page(p_broadcast public.broadcasts, p_bonus public.bonuses, p_shard public.broadcast_shards, p_limit integer, p_tells boolean, p_now timestamp with time zone, OUT size bigint, OUT user_id text, OUT resource text, OUT recipients jsonb, OUT pushes integer) RETURNS record
    LANGUAGE sql
    AS $$
    select count(*), (array_agg(user_id order by n desc))[1], (array_agg(resource order by n desc))[1],
           coalesce(jsonb_agg(jsonb_build_array(user_id, connections, event) order by n)
               filter (where connections <> '[]'), '[]'),
           coalesce(sum(jsonb_array_length(connections)), 0)::integer
      from read_page(p_broadcast, p_bonus, p_shard, p_limit, p_tells, p_now)
           with ordinality as read (user_id, resource, connections, event, n)
$$;

CREATE FUNCTION public.next_round_in(p_broadcast public.broadcasts, p_bonus public.bonuses, p_round integer, p_worker uuid, p_lease interval, p_now timestamp with time zone) RETURNS interval
    LANGUAGE sql STABLE
    AS $$
    select greatest(interval '0', last.done_at + interval '5 seconds' - p_now)
      from (select * from broadcast_shards s
             where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round
             order by s.done_at desc, s.shard desc limit 1) as last
     where p_broadcast.kind = 'offer' and p_bonus.acknowledge and p_round < 3
       and (last.worker = p_worker or last.held_until is null or last.done_at < p_now - p_lease)
       -- Where nobody was left to be told, nobody will be.
       and exists (select from broadcast_shards s
                    where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round
                      and s.sent + s.gone + s.undelivered > 0)
       and not exists (select from broadcast_shards s
                        where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round + 1)
$$;

CREATE FUNCTION public.note_nodes(p_reached text[], p_unreachable text[], p_grace interval, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF text
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    delete from unreachable_nodes u where u.node = any (p_reached);
    insert into unreachable_nodes (node, since)
        select distinct u.node, v_now from unnest(p_unreachable) as u(node)
        on conflict (node) do nothing;
    return query
        select u.node from unreachable_nodes u
         where u.node = any (p_unreachable) and u.since < v_now and u.since <= v_now - p_grace
           and not exists (select from watching_times w, connections(w.nodes) c
                            where w.nodes ? u.node and c.node = u.node
                              and c.opened_at > greatest(u.since, v_now - interval '10 minutes'));
end $$;

CREATE FUNCTION public.outcome_of(p_wait_ms integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ select case when p_wait_ms < 0 then 'disconnect' else 'slow_down' end $$;

CREATE FUNCTION public.part(p_piece timestamp with time zone, p_first timestamp with time zone, p_last timestamp with time zone, p_size interval, p_sessions bigint, p_before interval, p_after interval) RETURNS interval
    LANGUAGE sql IMMUTABLE
    AS $$
    select case when p_piece between p_first and p_last
                then case when p_piece = p_last then p_after else p_sessions * p_size end
                   - case when p_piece = p_first then p_before else interval '0' end
                else interval '0' end
$$;

CREATE FUNCTION public.patience(p_kind text) RETURNS interval
    LANGUAGE sql IMMUTABLE
    AS $$ select case when p_kind = 'news' then interval '0' else interval '1 second' end $$;

CREATE FUNCTION public.plan_shards(p_broadcast public.broadcasts, p_round integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    c_size    constant integer := 2000;
    c_sample  constant float8 := 10000;
    v_percent float8;
    v_made    integer;
begin
    if exists (select from broadcast_shards s
                where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round) then
        return 0;
    end if;
    -- One at a time; whoever came second looks again.
    perform from broadcasts where broadcast_id = p_broadcast.broadcast_id for update;
    if exists (select from broadcast_shards s
                where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round) then
        return 0;
    end if;
    select least(100, 100 * c_sample / greatest(reltuples, 1)) into v_percent
      from pg_class where oid = 'watching_times'::regclass;
    with sampled as (
        select user_id, resource from watching_times tablesample system (v_percent)
         where p_broadcast.audience <> 'users' and terminate_at is null
           and (p_broadcast.resource is null or resource = p_broadcast.resource)
    ),
    listed as (
        select user_id, '' as resource from offers
         where p_broadcast.audience = 'users' and bonus_id = p_broadcast.bonus_id
    ),
    numbered as (
        select *, row_number() over (order by user_id, resource) as n,
               greatest(1, case when p_broadcast.audience = 'users' then c_size
                                else c_size * v_percent / 100 end)::bigint as every
          from (table sampled union all table listed) as audience
    ),
    bounds as (
        select user_id, resource from numbered where n % every = 0
        union all
        select null, null
    )
    insert into broadcast_shards (broadcast_id, round, shard, after_user_id, after_resource,
                                  until_user_id, until_resource)
        select p_broadcast.broadcast_id, p_round, row_number() over w,
               coalesce(lag(user_id) over w, ''), coalesce(lag(resource) over w, ''), user_id, resource
          from bounds window w as (order by user_id nulls last, resource);
    get diagnostics v_made = row_count;
    return v_made;
end $$;

CREATE FUNCTION public.push(p_broadcast_id uuid, p_round integer, p_worker uuid, p_limit integer, p_per_second integer, p_shard integer DEFAULT NULL::integer, p_page integer DEFAULT NULL::integer, p_sent integer DEFAULT 0, p_gone integer DEFAULT 0, p_undelivered integer DEFAULT 0, p_dropped integer DEFAULT 0, p_lease interval DEFAULT '00:00:06'::interval, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(outcome text, wait_ms integer, shards integer, shard integer, page integer, server_now bigint, expires_at bigint, age_ms bigint, kind text, epoch uuid, broadcast jsonb, bonus jsonb, news jsonb, recipients jsonb, dropped integer, repeat_in_ms integer)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    c_dropped   constant integer := 5000; -- a shard, as a rule
    v_now       timestamptz := coalesce(p_now, clock_timestamp());
    v_broadcast broadcasts;
    v_bonus     bonuses;
    v_is_over   boolean;
    v_shard     broadcast_shards;
    v_read      record;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    server_now := ms(v_now);
    select * into v_broadcast from broadcasts b where b.broadcast_id = p_broadcast_id;
    if not found then
        outcome := 'unknown';
        return next;
        return;
    end if;
    select * into v_bonus from bonuses b where b.bonus_id = v_broadcast.bonus_id;
    if v_broadcast.audience <> 'users' then
        -- What is written is how far it has come, and what a power cut loses of that is pushed again.
        -- An offer to a listed user is an event of their stream, which must stay once it is told.
        perform set_config('synchronous_commit', 'off', true);
    end if;

    perform report_page(p_broadcast_id, p_round, p_worker, p_shard, p_page,
                        p_sent, p_gone, p_undelivered, p_dropped, v_now);
    if p_limit = 0 then
        update broadcast_shards s set held_until = null
         where s.broadcast_id = p_broadcast_id and s.round = p_round and s.worker = p_worker;
        outcome := 'released';
        return next;
        return;
    end if;
    v_is_over := v_now > v_broadcast.expires_at
        or (v_broadcast.kind = 'offer' and v_bonus.cancelled_at is not null);
    if p_round = 1 or not v_is_over then
        shards := nullif(plan_shards(v_broadcast, p_round), 0);
    end if;
    if v_is_over then
        select * into v_shard from hold_shard(p_broadcast_id, p_round, p_worker, p_lease, v_now);
        if found then
            dropped := drop_page(v_broadcast, v_bonus, v_shard, c_dropped, v_now);
        end if;
        outcome := case when v_shard.shard is not null then 'dropped' else 'over' end;
        return next;
        return;
    end if;
    select milliseconds(free_at - patience(v_broadcast.kind) - v_now) into wait_ms
      from push_budget where free_at - patience(v_broadcast.kind) > v_now;
    if found then
        outcome := 'wait';
        return next;
        return;
    end if;

    loop
        select * into v_shard from hold_shard(p_broadcast_id, p_round, p_worker, p_lease, v_now);
        exit when not found;
        select * into v_read from next_page(v_broadcast, v_bonus, v_shard, p_limit, true, v_now);
        update broadcast_shards s
           set page = s.page + 1, reading_user_id = v_read.user_id, reading_resource = v_read.resource,
               reading_is_last = v_read.size < p_limit,
               done_at = case when v_read.size = 0 then v_now end
         where s.broadcast_id = p_broadcast_id and s.round = p_round and s.shard = v_shard.shard
        returning s.page into page;
        if v_read.size > 0 then
            outcome := 'page';
            wait_ms := take_turn(v_read.pushes, p_per_second, v_now);
            shard := v_shard.shard;
            expires_at := ms(v_broadcast.expires_at);
            age_ms := milliseconds(v_now - v_broadcast.at);
            kind := v_broadcast.kind;
            select e.epoch into epoch from stream_epoch e;
            broadcast := case when v_broadcast.seq is not null then
                jsonb_build_object('seq', v_broadcast.seq, 'follows', v_broadcast.follows) end;
            bonus := case when v_bonus.bonus_id is not null then
                bonus_json(v_bonus, case when kind = 'cancel' then 'cancelled' end) end;
            news := case when kind = 'news' then news_json(v_broadcast) end;
            recipients := v_read.recipients;
            return next;
            return;
        end if;
    end loop;

    outcome := case when exists (
        select from broadcast_shards s
         where s.broadcast_id = p_broadcast_id and s.round = p_round and s.done_at is null)
        then 'busy' else 'done' end;
    if outcome = 'done' then
        repeat_in_ms := milliseconds(
            next_round_in(v_broadcast, v_bonus, p_round, p_worker, p_lease, v_now));
    end if;
    return next;
end $$;

CREATE FUNCTION public.read_page(p_broadcast public.broadcasts, p_bonus public.bonuses, p_shard public.broadcast_shards, p_limit integer, p_tells boolean, p_now timestamp with time zone) RETURNS TABLE(user_id text, resource text, connections jsonb, event jsonb)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    v_user_ids text[];
begin
    case p_broadcast.audience
    when 'everyone' then
        return query select user_id::text, resource::text,
               case when p_shard.round > 1 and has_answered(p_bonus.bonus_id, user_id) then '[]'
                    else connection_list(nodes) end, null::jsonb from (
            select w.user_id, w.resource, w.nodes from watching_times w
             where w.terminate_at is null
               and (w.user_id, w.resource) > (p_shard.after_user_id, p_shard.after_resource)
             order by w.user_id, w.resource limit p_limit) as page
         where p_shard.until_user_id is null
            or (user_id, resource) <= (p_shard.until_user_id, p_shard.until_resource)
         order by user_id, resource;
    when 'resource' then
        return query select user_id::text, resource::text,
               case when p_shard.round > 1 and has_answered(p_bonus.bonus_id, user_id) then '[]'
                    else connection_list(nodes) end, null::jsonb from (
            select w.user_id, w.resource, w.nodes from watching_times w
             where w.resource = p_broadcast.resource and w.terminate_at is null
               and w.user_id > p_shard.after_user_id
             order by w.user_id limit p_limit) as page
         where p_shard.until_user_id is null or user_id <= p_shard.until_user_id
         order by user_id;
    else
        v_user_ids := array(
            select user_id from (
                select o.user_id from offers o
                 where o.bonus_id = p_broadcast.bonus_id and o.user_id > p_shard.after_user_id
                 order by o.user_id limit p_limit) as page
             where p_shard.until_user_id is null or user_id <= p_shard.until_user_id);
        if p_broadcast.kind = 'offer' and p_tells then
            perform tell_offers(p_bonus, v_user_ids, p_now);
        end if;
        return query select o.user_id, '',
               case when p_shard.round > 1 and has_answered(p_bonus.bonus_id, o.user_id) then '[]'
                    else connections_of(o.user_id) end,
               case when p_broadcast.kind = 'offer' then
                   (select event_json(e) from user_events e
                     where e.user_id = o.user_id and e.seq = o.seq) end
              from offers o
             where o.bonus_id = p_broadcast.bonus_id and o.user_id = any (v_user_ids)
             order by o.user_id;
    end case;
end $$;

CREATE FUNCTION public.report_page(p_broadcast_id uuid, p_round integer, p_worker uuid, p_shard integer, p_page integer, p_sent integer, p_gone integer, p_undelivered integer, p_dropped integer, p_now timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    update broadcast_shards s
       set sent = sent + p_sent, gone = gone + p_gone, undelivered = undelivered + p_undelivered,
           dropped = dropped + p_dropped,
           after_user_id = case when worker = p_worker then reading_user_id else after_user_id end,
           after_resource = case when worker = p_worker then reading_resource else after_resource end,
           done_at = case when worker = p_worker and reading_is_last then p_now else done_at end,
           reading_user_id = case when worker <> p_worker then reading_user_id end
     where s.broadcast_id = p_broadcast_id and s.round = p_round and s.shard = p_shard
       and (worker <> p_worker or (page = p_page and reading_user_id is not null))
$$;

CREATE TABLE public.past_sessions (
    id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    join_at timestamp with time zone NOT NULL,
    terminate_at timestamp with time zone NOT NULL,
    ended_by public.ending NOT NULL,
    ended_within interval NOT NULL,
    CONSTRAINT ends_after_it_begins CHECK ((terminate_at >= join_at))
)
PARTITION BY RANGE (terminate_at);

CREATE TABLE public.watching_times (
    id bigint NOT NULL,
    user_id character varying(128) NOT NULL,
    resource character varying(128) NOT NULL,
    join_at timestamp with time zone NOT NULL,
    terminate_at timestamp with time zone,
    nodes jsonb NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    ended_by public.ending,
    ended_within interval
)
WITH (fillfactor='80');

CREATE VIEW public.sessions AS
 SELECT watching_times.id,
    (watching_times.user_id)::text AS user_id,
    (watching_times.resource)::text AS resource,
    watching_times.join_at,
    watching_times.terminate_at,
    watching_times.ended_by,
        CASE
            WHEN (watching_times.terminate_at IS NOT NULL) THEN watching_times.ended_within
            ELSE NULL::interval
        END AS ended_within
   FROM public.watching_times
UNION ALL
 SELECT past_sessions.id,
    past_sessions.user_id,
    past_sessions.resource,
    past_sessions.join_at,
    past_sessions.terminate_at,
    past_sessions.ended_by,
    past_sessions.ended_within
   FROM public.past_sessions;

CREATE FUNCTION public.sessions_between(p_from timestamp with time zone, p_to timestamp with time zone) RETURNS SETOF public.sessions
    LANGUAGE sql STABLE ROWS 100000
    AS $$
    select id, user_id::text, resource::text, join_at, terminate_at, ended_by,
           case when terminate_at is not null then ended_within end
      from watching_times
     where join_at < p_to
       and (terminate_at is null or terminate_at > p_from or (terminate_at = p_from and join_at = p_from))
    union all
    select id, user_id, resource, join_at, terminate_at, ended_by, ended_within
      from past_sessions
     where terminate_at >= p_from and terminate_at < p_to + interval '4 hours' and join_at < p_to
       and terminate_at - join_at <= interval '4 hours'
       and (terminate_at > p_from or join_at = p_from)
    union all
    select id, user_id, resource, join_at, terminate_at, ended_by, ended_within
      from past_sessions
     where terminate_at >= p_from and join_at < p_to
       and terminate_at - join_at > interval '4 hours'
       and terminate_at > p_from
$$;

CREATE FUNCTION public.sessions_of(p_user_id text) RETURNS SETOF public.sessions
    LANGUAGE sql STABLE ROWS 20
    AS $$ select * from sessions where user_id = p_user_id $$;

CREATE FUNCTION public.settle(p_limit integer, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT facts bigint, OUT is_behind boolean) RETURNS record
    LANGUAGE plpgsql
    AS $$
declare
    v_log fact_log;
    v_now timestamptz;
    v_taken bigint;
begin
    facts := 0;
    is_behind := false;
    select * into v_log from fact_log for update skip locked;
    if not found then
        return;
    end if;
    v_now := coalesce(p_now, clock_timestamp());
    with due as materialized (
        -- Of two that are due at once, a session's "online" comes before its "offline", and all of one
        -- session before the next.
        select ctid as place, * from pending_facts
         where due_at <= v_now order by due_at, session_id, fact limit p_limit
    ),
    -- Sessions that are still where they closed. One that somebody is changing is left for later.
    held as materialized (
        select d.place, d.due_at, d.at, w.*
          from due d join watching_times w
            on w.user_id = d.user_id and w.resource = d.resource and w.id = d.session_id
         where d.fact = 'offline' and not d.is_settled
           for update of w skip locked
    ),
    over as (
        delete from watching_times w using held h
         where w.user_id = h.user_id and w.resource = h.resource and w.id = h.id
           and w.terminate_at = h.at
        returning h.due_at, w.*
    ),
    moved as (
        insert into past_sessions (id, user_id, resource, join_at, terminate_at, ended_by, ended_within)
            select id, user_id, resource, join_at, terminate_at, ended_by, ended_within from over
    ),
    -- Nothing below joins these: how many rows they have the planner does not know, and it would loop
    -- through one for each row of the other.
    made as (
        insert into presence_facts (seq, fact, session_id, user_id, resource, at, settled_at)
            select v_log.last_seq + row_number() over (order by due_at, session_id, fact),
                   fact, session_id, user_id, resource, at, v_now
              from (select due_at, fact, session_id, user_id, resource, at
                      from due where fact = 'online' or is_settled
                    union all
                    select due_at, 'offline', id, user_id, resource, terminate_at from over) as happened
        returning 1
    ),
    done as (
        delete from pending_facts where ctid = any (array(
            select place from due where fact = 'online' or is_settled
            union all
            -- Over, or the user is back.
            select place from held
            union all
            -- No such session any more: told already.
            select d.place from due d
             where d.fact = 'offline' and not d.is_settled
               and (select w.id from watching_times w
                     where w.user_id = d.user_id and w.resource = d.resource
                       and w.id = d.session_id) is null))
    )
    select (select count(*) from made), (select count(*) from due) into facts, v_taken;
    update fact_log set last_seq = last_seq + facts where facts > 0;
    is_behind := v_taken = p_limit;
end $$;

CREATE FUNCTION public.settle_session(p_user_id text, p_resource text, p_now timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    with over as (
        delete from watching_times
         where user_id = p_user_id and resource = p_resource and terminate_at is not null
        returning *
    ),
    told as (
        insert into pending_facts (due_at, fact, session_id, user_id, resource, at, is_settled)
            select p_now, 'offline', id, user_id, resource, terminate_at, true from over
    )
    insert into past_sessions (id, user_id, resource, join_at, terminate_at, ended_by, ended_within)
        select id, user_id, resource, join_at, terminate_at, ended_by, ended_within from over
$$;

CREATE FUNCTION public.share_bonus(p_bonus_id uuid) RETURNS void
    LANGUAGE sql
    AS $$ select pg_advisory_xact_lock_shared(hashtextextended(p_bonus_id::text, 1)) $$;

CREATE FUNCTION public.size(p_nodes jsonb) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $_$ select jsonb_array_length(jsonb_path_query_array(p_nodes, '$.*.*')) $_$;

CREATE FUNCTION public.spend(p_user_id text, p_gap interval, p_burst integer, p_now timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    v_ahead interval;
    v_wait_ms integer;
begin
    if p_gap = '0' then
        return 0;
    end if;
    insert into user_limits as l (user_id, free_at) values (p_user_id, p_now + p_gap)
        on conflict (user_id) do update
           set free_at = least(greatest(l.free_at, p_now) + p_gap, p_now + p_gap * (2 * p_burst + 1))
        returning free_at - p_now into v_ahead;
    if v_ahead <= p_gap * p_burst then
        return 0;
    end if;
    v_wait_ms := ceil(extract(epoch from v_ahead - p_gap * (p_burst - 1)) * 1000);
    return case when v_ahead <= p_gap * (2 * p_burst) then v_wait_ms else -v_wait_ms end;
end $$;

CREATE FUNCTION public.sweep(p_limit integer, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(cycle_started_at timestamp with time zone, page integer, has_more boolean, connections jsonb)
    LANGUAGE plpgsql
    AS $$
declare
    v_cursor sweep_cursor;
    v_now timestamptz;
begin
    select * into v_cursor from sweep_cursor for update;
    v_now := coalesce(p_now, clock_timestamp());
    if v_cursor.user_id = '' then
        if v_cursor.pages_asked = v_cursor.pages_listed then
            v_cursor.probed_since := v_cursor.cycle_started_at;
        end if;
        v_cursor.cycle_started_at := v_now;
        v_cursor.pages_listed := 0;
        v_cursor.pages_asked := 0;
    end if;
    with page as materialized (
        select w.user_id, w.resource, w.nodes from watching_times w
         where (w.user_id, w.resource) > (v_cursor.user_id, v_cursor.resource)
         order by w.user_id, w.resource limit p_limit
    ),
    listed as (
        select jsonb_agg(jsonb_build_array(
                   p.user_id, c.node, c.connection_id, v_now > c.opened_at + interval '2 hours',
                   c.seen_at is not null)) as connections
          from page p, connections(p.nodes) c
         where c.opened_at < v_now - interval '1 minute'
    )
    select count(*) = p_limit, coalesce((select l.connections from listed l), '[]'),
           coalesce((array_agg(p.user_id order by p.user_id desc, p.resource desc))[1], ''),
           coalesce((array_agg(p.resource order by p.user_id desc, p.resource desc))[1], '')
      into has_more, connections, v_cursor.user_id, v_cursor.resource
      from page p;
    update sweep_cursor
       set user_id = case when has_more then v_cursor.user_id else '' end,
           resource = case when has_more then v_cursor.resource else '' end,
           cycle_started_at = v_cursor.cycle_started_at,
           pages_listed = v_cursor.pages_listed + 1,
           pages_asked = v_cursor.pages_asked,
           probed_since = v_cursor.probed_since;
    cycle_started_at := v_cursor.cycle_started_at;
    page := v_cursor.pages_listed + 1;
    return next;
end $$;

CREATE FUNCTION public.take_from_stock(p_bonus_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_first integer := floor(random() * 128);
    v_slot  bonus_stock;
begin
    select * into v_slot from bonus_stock
     where bonus_id = p_bonus_id and slot >= v_first order by slot limit 1 for update skip locked;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus_id order by slot limit 1 for update skip locked;
    end if;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus_id order by slot < v_first, slot limit 1 for update;
    end if;
    if v_slot.remaining > 1 then
        update bonus_stock set remaining = remaining - 1
         where bonus_id = p_bonus_id and slot = v_slot.slot;
    else
        delete from bonus_stock where bonus_id = p_bonus_id and slot = v_slot.slot;
    end if;
    return v_slot.slot is not null;
end $$;

CREATE FUNCTION public.take_turn(p_many integer, p_per_second integer, p_now timestamp with time zone) RETURNS integer
    LANGUAGE sql
    AS $$
    insert into push_budget as b (free_at)
        select p_now + p_many * interval '1 second' / p_per_second where p_many > 0
        on conflict (only_row) do update
           set free_at = greatest(b.free_at, p_now) + p_many * interval '1 second' / p_per_second
        returning ceil(1000 * extract(
            epoch from free_at - p_many * interval '1 second' / p_per_second - p_now))::integer
$$;

CREATE FUNCTION public.tell_offers(p_bonus public.bonuses, p_user_ids text[], p_now timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    with fresh as (
        select o.user_id from offers o
         where o.bonus_id = p_bonus.bonus_id and o.user_id = any (p_user_ids) and o.seq is null
         order by o.user_id
    ),
    numbered as (
        insert into user_streams as s (user_id, seq) select user_id, 1 from fresh
            on conflict (user_id) do update set seq = s.seq + 1
            returning s.user_id, s.seq
    ),
    told as (
        insert into user_events (user_id, seq, type, body, at, action_id)
            select user_id, seq, 'bonus.offered', bonus_json(p_bonus, null), p_now,
                   'bonus.' || p_bonus.bonus_id
              from numbered
    )
    update offers o set seq = n.seq from numbered n
     where o.bonus_id = p_bonus.bonus_id and o.user_id = n.user_id;
end $$;

CREATE FUNCTION public.use_up(p_ticket_id text, p_expires_at timestamp with time zone, p_now timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    insert into used_tickets (ticket_id, expires_at)
        select p_ticket_id, p_expires_at where may_open(p_expires_at, p_now)
        on conflict (ticket_id) do nothing
$$;

CREATE FUNCTION public.watch(p_user_id text, p_node text, p_connection_id text, p_resource text, p_grace interval, p_gap interval DEFAULT '00:00:00'::interval, p_burst integer DEFAULT 1, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(outcome text, wait_ms integer, server_now bigint, joined_at bigint, connections bigint, watched_ms bigint)
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_session watching_times;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    wait_ms := spend(p_user_id, p_gap, p_burst, v_now);
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
        server_now := ms(v_now);
        return next;
        return;
    end if;
    v_now := lock_user(p_user_id, p_now);
    select * into v_session from watching_times w
     where w.user_id = p_user_id and w.nodes -> p_node ? p_connection_id;
    outcome := case when not found then 'not_connected'
                    when v_session.resource = p_resource then 'watching' end;
    if outcome is null then
        perform leave(p_user_id, p_node, p_connection_id, 'moved', v_now, v_now, p_grace, v_now);
        outcome := enter(p_user_id, p_resource, p_node, p_connection_id,
                         v_session.nodes -> p_node -> p_connection_id, p_grace, 2147483647, v_now);
    end if;
    return query
        select outcome, 0, ms(v_now), ms(w.join_at), (select count(*) from connections(w.nodes)),
               milliseconds(watched(p_user_id, p_resource, v_now))
          from (values (1)) as one
               left join watching_times w on w.user_id = p_user_id and w.resource = p_resource
                                         and w.terminate_at is null and outcome <> 'not_connected';
end $$;

CREATE FUNCTION public.watched(p_user_id text, p_resource text, p_now timestamp with time zone) RETURNS interval
    LANGUAGE sql STABLE
    AS $$
    select coalesce(sum(coalesce(terminate_at, greatest(p_now, join_at)) - join_at), interval '0')
      from sessions_of(p_user_id)
     where p_resource is null or resource = p_resource
$$;

CREATE FUNCTION public.with_connection(p_nodes jsonb, p_node text, p_connection_id text, p_connection jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select p_nodes || jsonb_build_object(p_node, coalesce(p_nodes -> p_node, '{}')
        || jsonb_build_object(p_connection_id, p_connection))
$$;

CREATE FUNCTION public.without_connection(p_nodes jsonb, p_node text, p_connection_id text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select case when (p_nodes -> p_node) - p_connection_id = '{}' then p_nodes - p_node
                else jsonb_set(p_nodes, array[p_node], (p_nodes -> p_node) - p_connection_id) end
$$;

CREATE TABLE public.acks (
    bonus_id uuid NOT NULL,
    user_id text NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.award_rules (
    rule_id uuid DEFAULT gen_random_uuid() NOT NULL,
    reward jsonb NOT NULL,
    every interval NOT NULL,
    claim_within interval NOT NULL,
    resource text,
    created_at timestamp with time zone NOT NULL,
    fingerprint text,
    ended_at timestamp with time zone,
    CONSTRAINT award_rules_claim_within_check CHECK ((claim_within >= '00:00:01'::interval)),
    CONSTRAINT award_rules_every_check CHECK ((every >= '00:00:01'::interval)),
    CONSTRAINT award_rules_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT award_rules_reward_check CHECK ((octet_length((reward)::text) <= 4096))
);

CREATE TABLE public.awards (
    rule_id uuid NOT NULL,
    session_id bigint NOT NULL,
    nth bigint NOT NULL,
    bonus_id uuid NOT NULL
);

CREATE TABLE public.bonus_stock (
    bonus_id uuid NOT NULL,
    slot smallint NOT NULL,
    remaining integer NOT NULL,
    CONSTRAINT bonus_stock_remaining_check CHECK ((remaining > 0))
)
WITH (fillfactor='50');

CREATE TABLE public.broadcast_stream (
    only_row boolean DEFAULT true NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT broadcast_stream_only_row_check CHECK (only_row)
);

CREATE TABLE public.claims (
    bonus_id uuid NOT NULL,
    user_id text NOT NULL,
    claim_id text NOT NULL,
    claimed_at timestamp with time zone NOT NULL
);

CREATE TABLE public.fact_log (
    only_row boolean DEFAULT true NOT NULL,
    last_seq bigint DEFAULT 0 NOT NULL,
    pruned_seq bigint DEFAULT 0 NOT NULL,
    CONSTRAINT fact_log_only_row_check CHECK (only_row)
);

CREATE TABLE public.ledger (
    id bigint NOT NULL,
    bonus_id uuid NOT NULL,
    user_id text,
    entry text NOT NULL,
    at timestamp with time zone NOT NULL,
    xid bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL,
    CONSTRAINT ledger_entry_check CHECK ((entry = ANY (ARRAY['created'::text, 'offered'::text, 'claimed'::text, 'expired'::text, 'cancelled'::text])))
);

ALTER TABLE public.ledger ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ledger_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.migrations (
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamp with time zone NOT NULL
);

CREATE TABLE public.offers (
    bonus_id uuid NOT NULL,
    user_id text NOT NULL,
    seq bigint,
    CONSTRAINT offers_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
);

CREATE TABLE public.past_sessions_default (
    id bigint CONSTRAINT past_sessions_id_not_null NOT NULL,
    user_id text CONSTRAINT past_sessions_user_id_not_null NOT NULL,
    resource text CONSTRAINT past_sessions_resource_not_null NOT NULL,
    join_at timestamp with time zone CONSTRAINT past_sessions_join_at_not_null NOT NULL,
    terminate_at timestamp with time zone CONSTRAINT past_sessions_terminate_at_not_null NOT NULL,
    ended_by public.ending CONSTRAINT past_sessions_ended_by_not_null NOT NULL,
    ended_within interval CONSTRAINT past_sessions_ended_within_not_null NOT NULL,
    CONSTRAINT ends_after_it_begins CHECK ((terminate_at >= join_at))
);

CREATE TABLE public.pending_facts (
    due_at timestamp with time zone NOT NULL,
    fact public.presence_fact NOT NULL,
    session_id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    at timestamp with time zone NOT NULL,
    is_settled boolean DEFAULT false NOT NULL
);

CREATE TABLE public.presence_facts (
    seq bigint NOT NULL,
    fact public.presence_fact NOT NULL,
    session_id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone NOT NULL
);

CREATE UNLOGGED TABLE public.push_budget (
    only_row boolean DEFAULT true NOT NULL,
    free_at timestamp with time zone NOT NULL,
    CONSTRAINT push_budget_only_row_check CHECK (only_row)
);

CREATE TABLE public.stream_epoch (
    only_row boolean DEFAULT true NOT NULL,
    epoch uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT stream_epoch_only_row_check CHECK (only_row)
);

CREATE TABLE public.sweep_cursor (
    only_row boolean DEFAULT true NOT NULL,
    user_id text DEFAULT ''::text NOT NULL,
    resource text DEFAULT ''::text NOT NULL,
    cycle_started_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    pages_listed integer DEFAULT 0 NOT NULL,
    pages_asked integer DEFAULT 0 NOT NULL,
    probed_since timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    CONSTRAINT sweep_cursor_only_row_check CHECK (only_row)
);

CREATE TABLE public.unreachable_nodes (
    node text NOT NULL,
    since timestamp with time zone NOT NULL
);

CREATE UNLOGGED TABLE public.used_tickets (
    ticket_id text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE UNLOGGED TABLE public.user_limits (
    user_id text NOT NULL,
    free_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.user_streams (
    user_id text NOT NULL,
    seq bigint NOT NULL,
    state jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT user_streams_seq_check CHECK ((seq > 0)),
    CONSTRAINT user_streams_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
)
WITH (fillfactor='80');

CREATE VIEW public.watching_counts AS
 SELECT id,
    user_id,
    join_at,
    terminate_at,
    resource,
    ( SELECT COALESCE(jsonb_object_agg(each.node, ( SELECT count(*) AS count
                   FROM jsonb_object_keys(each.connections) jsonb_object_keys(jsonb_object_keys))), '{}'::jsonb) AS "coalesce"
           FROM jsonb_each(watching_times.nodes) each(node, connections)) AS nodes
   FROM public.watching_times;

ALTER TABLE public.watching_times ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.watching_times_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.past_sessions ATTACH PARTITION public.past_sessions_default DEFAULT;

ALTER TABLE ONLY public.acks
    ADD CONSTRAINT acks_pkey PRIMARY KEY (bonus_id, user_id);

ALTER TABLE ONLY public.award_rules
    ADD CONSTRAINT award_rules_pkey PRIMARY KEY (rule_id);

ALTER TABLE ONLY public.awards
    ADD CONSTRAINT awards_pkey PRIMARY KEY (rule_id, session_id, nth);

ALTER TABLE ONLY public.bonus_stock
    ADD CONSTRAINT bonus_stock_pkey PRIMARY KEY (bonus_id, slot);

ALTER TABLE ONLY public.bonuses
    ADD CONSTRAINT bonuses_pkey PRIMARY KEY (bonus_id);

ALTER TABLE ONLY public.broadcast_shards
    ADD CONSTRAINT broadcast_shards_pkey PRIMARY KEY (broadcast_id, round, shard);

ALTER TABLE ONLY public.broadcast_stream
    ADD CONSTRAINT broadcast_stream_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.broadcasts
    ADD CONSTRAINT broadcasts_pkey PRIMARY KEY (broadcast_id);

ALTER TABLE ONLY public.broadcasts
    ADD CONSTRAINT broadcasts_seq_key UNIQUE (seq);

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (bonus_id, user_id);

ALTER TABLE ONLY public.fact_log
    ADD CONSTRAINT fact_log_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_pkey PRIMARY KEY (user_id, bonus_id);

ALTER TABLE ONLY public.past_sessions
    ADD CONSTRAINT past_sessions_pkey PRIMARY KEY (terminate_at, id);

ALTER TABLE ONLY public.past_sessions_default
    ADD CONSTRAINT past_sessions_default_pkey PRIMARY KEY (terminate_at, id);

ALTER TABLE ONLY public.presence_facts
    ADD CONSTRAINT presence_facts_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.push_budget
    ADD CONSTRAINT push_budget_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.stream_epoch
    ADD CONSTRAINT stream_epoch_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.sweep_cursor
    ADD CONSTRAINT sweep_cursor_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.unreachable_nodes
    ADD CONSTRAINT unreachable_nodes_pkey PRIMARY KEY (node);

ALTER TABLE ONLY public.used_tickets
    ADD CONSTRAINT used_tickets_pkey PRIMARY KEY (ticket_id);

ALTER TABLE ONLY public.user_events
    ADD CONSTRAINT user_events_pkey PRIMARY KEY (user_id, seq);

ALTER TABLE ONLY public.user_limits
    ADD CONSTRAINT user_limits_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.user_streams
    ADD CONSTRAINT user_streams_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.watching_times
    ADD CONSTRAINT watching_times_pkey PRIMARY KEY (user_id, resource);

CREATE INDEX acks_at ON public.acks USING brin (at) WITH (pages_per_range='32');

CREATE INDEX bonuses_closes_at ON public.bonuses USING btree (closes_at);

CREATE INDEX bonuses_newest ON public.bonuses USING btree (created_at, bonus_id);

CREATE INDEX bonuses_unclosed ON public.bonuses USING btree (closes_at) WHERE (closed_at IS NULL);

CREATE INDEX bonuses_unqueued ON public.bonuses USING btree (created_at) WHERE (queued_at IS NULL);

CREATE INDEX broadcasts_audience ON public.broadcasts USING btree (audience, resource, seq);

CREATE INDEX broadcasts_expires_at ON public.broadcasts USING btree (expires_at);

CREATE INDEX ledger_everyone ON public.ledger USING btree (id) WHERE (user_id IS NULL);

CREATE INDEX ledger_grants ON public.ledger USING btree (xid, id) WHERE (entry = 'claimed'::text);

CREATE INDEX ledger_user ON public.ledger USING btree (user_id, id) WHERE (user_id IS NOT NULL);

CREATE INDEX offers_bonus ON public.offers USING btree (bonus_id, user_id);

CREATE INDEX past_sessions_resource ON ONLY public.past_sessions USING btree (resource, terminate_at, id);

CREATE INDEX past_sessions_default_resource_terminate_at_id_idx ON public.past_sessions_default USING btree (resource, terminate_at, id);

CREATE INDEX past_sessions_long ON ONLY public.past_sessions USING btree (terminate_at, join_at) WHERE ((terminate_at - join_at) > '04:00:00'::interval);

CREATE INDEX past_sessions_default_terminate_at_join_at_idx ON public.past_sessions_default USING btree (terminate_at, join_at) WHERE ((terminate_at - join_at) > '04:00:00'::interval);

CREATE INDEX past_sessions_user ON ONLY public.past_sessions USING btree (user_id, terminate_at, id);

CREATE INDEX past_sessions_default_user_id_terminate_at_id_idx ON public.past_sessions_default USING btree (user_id, terminate_at, id);

CREATE INDEX pending_facts_due ON public.pending_facts USING btree (due_at);

CREATE INDEX used_tickets_expires_at ON public.used_tickets USING brin (expires_at);

CREATE UNIQUE INDEX user_events_action ON public.user_events USING btree (user_id, action_id);

CREATE INDEX user_events_at ON public.user_events USING brin (at) WITH (pages_per_range='32');

CREATE INDEX watching_times_resource ON public.watching_times USING btree (resource, user_id);

ALTER INDEX public.past_sessions_pkey ATTACH PARTITION public.past_sessions_default_pkey;

ALTER INDEX public.past_sessions_resource ATTACH PARTITION public.past_sessions_default_resource_terminate_at_id_idx;

ALTER INDEX public.past_sessions_long ATTACH PARTITION public.past_sessions_default_terminate_at_join_at_idx;

ALTER INDEX public.past_sessions_user ATTACH PARTITION public.past_sessions_default_user_id_terminate_at_id_idx;

ALTER TABLE ONLY public.awards
    ADD CONSTRAINT awards_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);

ALTER TABLE ONLY public.awards
    ADD CONSTRAINT awards_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES public.award_rules(rule_id);

ALTER TABLE ONLY public.bonus_stock
    ADD CONSTRAINT bonus_stock_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);

ALTER TABLE ONLY public.bonuses
    ADD CONSTRAINT bonuses_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES public.award_rules(rule_id);

ALTER TABLE ONLY public.broadcast_shards
    ADD CONSTRAINT broadcast_shards_broadcast_id_fkey FOREIGN KEY (broadcast_id) REFERENCES public.broadcasts(broadcast_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.broadcasts
    ADD CONSTRAINT broadcasts_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);
