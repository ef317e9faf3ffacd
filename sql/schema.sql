CREATE FUNCTION public.act(p_user_id text, p_action_id text, p_type text, p_body jsonb, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(outcome text, server_now bigint, epoch uuid, event jsonb, others jsonb)
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz;
    v_event user_events;
begin
    perform lock_user(p_user_id);
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_event from user_events where user_id = p_user_id and action_id = p_action_id;
    outcome := case when not found and octet_length(p_body::text) > 16384 then 'too_large'
                    when not found then 'acted'
                    when v_event.type = p_type and v_event.body = p_body then 'repeated'
                    else 'conflict' end;
    if outcome = 'acted' then
        v_event := append_event(p_user_id, p_type, p_body, p_action_id, v_now);
    end if;
    return query select outcome, ms(v_now), e.epoch, event_json(v_event), connections_of(p_user_id)
                   from stream_epoch e;
end $$;

CREATE TABLE public.user_events (
    user_id text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    body jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    action_id text NOT NULL
);

CREATE FUNCTION public.append_event(p_user_id text, p_type text, p_body jsonb, p_action_id text, p_now timestamp with time zone) RETURNS public.user_events
    LANGUAGE plpgsql
    AS $$
declare
    v_event user_events;
begin
    insert into user_streams as s (user_id, seq) values (p_user_id, 1)
        on conflict (user_id) do update set seq = s.seq + 1
        returning s.user_id, s.seq into v_event.user_id, v_event.seq;
    insert into user_events (user_id, seq, type, body, at, action_id)
        values (p_user_id, v_event.seq, p_type, p_body, p_now, p_action_id)
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
    for v_rule in select * from award_rules r order by r.rule_id for update skip locked loop
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
            interval '0', v_rule.claim_within, null, null, v_rule.rule_id, v_now);
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
                              'outcome', p_outcome)
$$;

CREATE FUNCTION public.claim(p_user_id text, p_claim_id text, p_bonus_id uuid, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(outcome text, server_now bigint, epoch uuid, event jsonb, others jsonb)
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz;
    v_bonus bonuses;
    v_claim claims;
    v_event user_events;
begin
    perform lock_user(p_user_id);
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_bonus from bonuses b where b.bonus_id = p_bonus_id;
    select * into v_claim from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id;
    select * into v_event from user_events e where e.user_id = p_user_id and e.action_id = p_claim_id;
    outcome := case
        when v_claim.claim_id = p_claim_id then 'claimed'
        when v_event.seq is not null then 'conflict'
        when v_claim.claim_id is not null then 'already_claimed'
        else claim_refusal(v_bonus, p_user_id, v_now) end;

    if outcome is null and v_bonus.stock is not null and not take_from_stock(p_bonus_id) then
        outcome := 'sold_out';
    end if;
    if outcome is null then
        outcome := 'claimed';
        insert into claims values (p_bonus_id, p_user_id, p_claim_id, v_now);
        insert into ledger (bonus_id, user_id, entry, at)
            values (p_bonus_id, p_user_id, 'claimed', v_now);
        v_event := append_event(p_user_id, 'bonus.claimed',
            jsonb_build_object('bonus_id', p_bonus_id, 'reward', v_bonus.reward), p_claim_id, v_now);
    end if;
    return query select outcome, ms(v_now), e.epoch,
                        case when outcome = 'claimed' and v_event.seq is not null
                             then event_json(v_event) end,
                        case when outcome = 'claimed' then connections_of(p_user_id) end
                   from stream_epoch e;
end $$;

CREATE FUNCTION public.claim_refusal(p_bonus public.bonuses, p_user_id text, p_now timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    select case
        when p_bonus.bonus_id is null then 'unknown_bonus'
        when p_bonus.cancelled_at is not null then 'cancelled'
        when p_now < p_bonus.opens_at then 'too_early'
        -- Half a second for a claim made in time that was still on its way.
        when p_now > p_bonus.closes_at + interval '500 milliseconds' then 'expired'
        when not case p_bonus.audience
            when 'users' then exists (select from offers o
                 where o.user_id = p_user_id and o.bonus_id = p_bonus.bonus_id)
            else exists (select from watching_times w
                 where w.user_id = p_user_id and w.terminate_at is null
                   and (p_bonus.resource is null or w.resource = p_bonus.resource))
            end then 'not_eligible'
        when p_bonus.min_watched is not null
             and watched(p_user_id, p_bonus.resource, p_now) < p_bonus.min_watched then 'not_eligible'
    end
$$;

CREATE FUNCTION public.connect(p_user_id text, p_resource text, p_node text, p_connection_id text, p_ticket_id text, p_ticket_expires_at timestamp with time zone, p_grace interval, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz;
    v_session watching_times;
    v_ticket used_tickets;
begin
    perform lock_user(p_user_id);
    -- After the lock, not now(): whoever waited must not write a time before what it waited for.
    v_now := coalesce(p_now, clock_timestamp());

    -- The gateway holds a handshake for at most 29 s per step; one minute covers both.
    if v_now > p_ticket_expires_at + interval '1 minute' then
        return 'refused';
    end if;
    insert into used_tickets (ticket_id, connection_id, expires_at)
        values (p_ticket_id, p_connection_id, p_ticket_expires_at)
        on conflict (ticket_id) do nothing;
    if not found then
        select * into v_ticket from used_tickets where ticket_id = p_ticket_id;
        return case when v_ticket.connection_id = p_connection_id and not v_ticket.gone
                    then 'repeated' else 'refused' end;
    end if;

    update watching_times
       set nodes = with_connection(nodes, p_node, p_connection_id, v_now),
           seen_at = greatest(seen_at, v_now)
     where user_id = p_user_id and resource = p_resource and terminate_at is null;
    if found then
        return 'joined';
    end if;

    select * into v_session from watching_times
     where user_id = p_user_id and resource = p_resource and terminate_at > v_now - p_grace
     order by terminate_at desc limit 1;
    if found and v_session.ended_by <> 'kicked' then
        update watching_times
           set nodes = with_connection('{}', p_node, p_connection_id, v_now),
               seen_at = greatest(seen_at, v_now),
               terminate_at = null, ended_by = null, ended_within = null
         where id = v_session.id;
        return 'reopened';
    end if;

    insert into watching_times (user_id, resource, join_at, seen_at, nodes)
        values (p_user_id, p_resource, v_now, v_now,
                with_connection('{}', p_node, p_connection_id, v_now));
    return 'opened';
end $$;

CREATE FUNCTION public.connections(p_nodes jsonb) RETURNS TABLE(node text, connection_id text, opened_at timestamp with time zone)
    LANGUAGE sql IMMUTABLE ROWS 2
    AS $$
    select n.key, c.key, to_timestamp((c.value ->> 'at')::float8)
      from jsonb_each(p_nodes) as n, jsonb_each(n.value) as c
$$;

CREATE FUNCTION public.connections_of(p_user_id text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select coalesce(jsonb_agg(jsonb_build_array(c.node, c.connection_id)), '[]')
      from watching_times w, connections(w.nodes) c
     where w.user_id = p_user_id and w.terminate_at is null
$$;

CREATE FUNCTION public.create_bonus(p_bonus_id uuid, p_reward jsonb, p_audience text, p_resource text, p_user_ids text[], p_opens_in interval, p_window interval, p_stock integer, p_min_watched interval, p_rule_id uuid DEFAULT NULL::uuid, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    insert into bonuses (bonus_id, reward, audience, resource, opens_at, closes_at, stock,
                         min_watched, rule_id, created_at)
        values (p_bonus_id, p_reward, p_audience, p_resource, v_now + p_opens_in,
                v_now + p_opens_in + p_window, p_stock, p_min_watched, p_rule_id, v_now)
        on conflict (bonus_id) do nothing;
    if not found then
        return;
    end if;
    insert into offers (bonus_id, user_id)
        select distinct p_bonus_id, user_id from unnest(p_user_ids) as listed(user_id);
    -- 32 slots: more claims at once than that take turns. The first slots take the remainder.
    insert into bonus_stock (bonus_id, slot, remaining)
        select p_bonus_id, slot, p_stock / slots + (slot < p_stock % slots)::integer
          from least(p_stock, 32) as slots, generate_series(0, slots - 1) as slot
         where p_stock is not null;
    insert into ledger (bonus_id, entry, at) values (p_bonus_id, 'created', v_now);
end $$;

CREATE FUNCTION public.disconnect(p_user_id text, p_node text, p_connection_id text, p_ended_by text, p_ticket_id text, p_ticket_expires_at timestamp with time zone, p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_now timestamptz;
begin
    perform lock_user(p_user_id);
    v_now := coalesce(p_now, clock_timestamp());
    if v_now <= p_ticket_expires_at + interval '1 minute' then
        insert into used_tickets as t (ticket_id, connection_id, expires_at, gone)
            values (p_ticket_id, p_connection_id, p_ticket_expires_at, true)
            on conflict (ticket_id) do update set gone = true
                where t.connection_id = excluded.connection_id and not t.gone;
    end if;
    return leave(p_user_id, p_node, p_connection_id, p_ended_by, v_now, v_now);
end $$;

CREATE FUNCTION public.event_json(p_event public.user_events) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select jsonb_build_object('seq', p_event.seq, 'type', p_event.type, 'body', p_event.body,
                              'at', ms(p_event.at), 'id', p_event.action_id)
$$;

CREATE FUNCTION public.forget(p_user_ids text[], p_nodes text[], p_connection_ids text[], p_ended_by text[], p_now timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    v_gone record;
    v_opened_at timestamptz;
    v_seen_at timestamptz;
    v_now timestamptz;
    v_closed integer := 0;
begin
    for v_gone in
        select * from unnest(p_user_ids, p_nodes, p_connection_ids, p_ended_by)
            as g(user_id, node, connection_id, ended_by)
         order by hashtextextended(g.user_id, 0)
    loop
        perform lock_user(v_gone.user_id);
        v_now := coalesce(p_now, clock_timestamp());
        select c.opened_at, least(c.opened_at + interval '2 hours',
                                  -- Only who was a minute old by then was asked.
                                  case when c.opened_at < s.probed_since - interval '1 minute'
                                       then s.probed_since else c.opened_at end)
          into v_opened_at, v_seen_at
          from sweep_cursor s, watching_times w, connections(w.nodes) c
         where w.user_id = v_gone.user_id and w.terminate_at is null
           and c.node = v_gone.node and c.connection_id = v_gone.connection_id;
        continue when not found or v_opened_at > v_now - interval '1 minute';
        v_closed := v_closed + leave(
            v_gone.user_id, v_gone.node, v_gone.connection_id, v_gone.ended_by,
            v_seen_at, least(v_now, v_opened_at + interval '2 hours'))::integer;
    end loop;
    return v_closed;
end $$;

CREATE FUNCTION public.leave(p_user_id text, p_node text, p_connection_id text, p_ended_by text, p_seen_at timestamp with time zone, p_gone_by timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_session watching_times;
    v_nodes   jsonb;
    v_seen_at timestamptz;
begin
    select * into v_session from watching_times
     where user_id = p_user_id and terminate_at is null and nodes -> p_node ? p_connection_id;
    if not found then
        return false;
    end if;
    v_nodes := without_connection(v_session.nodes, p_node, p_connection_id);
    v_seen_at := greatest(v_session.seen_at, p_seen_at);
    if v_nodes <> '{}' then
        update watching_times set nodes = v_nodes, seen_at = v_seen_at where id = v_session.id;
        return false;
    end if;
    update watching_times
       set nodes = '{}', seen_at = v_seen_at, terminate_at = v_seen_at, ended_by = p_ended_by,
           ended_within = greatest(p_gone_by - v_seen_at, interval '0')
     where id = v_session.id;
    return true;
end $$;

CREATE FUNCTION public.lock_user(p_user_id text) RETURNS void
    LANGUAGE sql
    AS $$ select pg_advisory_xact_lock(hashtextextended(p_user_id, 0)) $$;

CREATE FUNCTION public.milliseconds(p_length interval) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$ select (extract(epoch from p_length) * 1000)::bigint $$;

CREATE FUNCTION public.ms(p_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$ select (extract(epoch from p_at) * 1000)::bigint $$;

CREATE TABLE public.watching_times (
    id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    join_at timestamp with time zone NOT NULL,
    terminate_at timestamp with time zone,
    nodes jsonb NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    ended_by text,
    ended_within interval,
    CONSTRAINT an_end_says_how CHECK (((terminate_at IS NULL) = (ended_by IS NULL))),
    CONSTRAINT an_end_says_how_exact CHECK (((terminate_at IS NULL) = (ended_within IS NULL))),
    CONSTRAINT ends_after_it_begins CHECK ((terminate_at >= join_at)),
    CONSTRAINT open_while_connected CHECK (((terminate_at IS NULL) = (nodes <> '{}'::jsonb))),
    CONSTRAINT watching_times_ended_by_check CHECK ((ended_by = ANY (ARRAY['client'::text, 'idle'::text, 'expired'::text, 'swept'::text, 'node_lost'::text, 'kicked'::text]))),
    CONSTRAINT watching_times_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT watching_times_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
)
WITH (fillfactor='80');

CREATE FUNCTION public.sessions_of(p_user_id text) RETURNS SETOF public.watching_times
    LANGUAGE sql STABLE ROWS 20
    AS $$
    select * from watching_times where user_id = p_user_id and terminate_at is null
    union all
    select * from watching_times where user_id = p_user_id and terminate_at is not null
$$;

CREATE FUNCTION public.take_from_stock(p_bonus_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_slot bonus_stock;
begin
    select * into v_slot from bonus_stock
     where bonus_id = p_bonus_id order by random() limit 1 for update skip locked;
    if not found then
        select * into v_slot from bonus_stock
         where bonus_id = p_bonus_id order by slot limit 1 for update;
    end if;
    if v_slot.remaining > 1 then
        update bonus_stock set remaining = remaining - 1
         where bonus_id = p_bonus_id and slot = v_slot.slot;
    else
        delete from bonus_stock where bonus_id = p_bonus_id and slot = v_slot.slot;
    end if;
    return v_slot.slot is not null;
end $$;

CREATE FUNCTION public.watched(p_user_id text, p_resource text, p_now timestamp with time zone) RETURNS interval
    LANGUAGE sql STABLE
    AS $$
    select coalesce(sum(coalesce(terminate_at, greatest(p_now, join_at)) - join_at), interval '0')
      from sessions_of(p_user_id)
     where p_resource is null or resource = p_resource
$$;

CREATE FUNCTION public.with_connection(p_nodes jsonb, p_node text, p_connection_id text, p_at timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select p_nodes || jsonb_build_object(p_node, coalesce(p_nodes -> p_node, '{}')
        || jsonb_build_object(p_connection_id,
                              jsonb_build_object('at', extract(epoch from p_at)::numeric(14, 3))))
$$;

CREATE FUNCTION public.without_connection(p_nodes jsonb, p_node text, p_connection_id text) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select case when (p_nodes -> p_node) - p_connection_id = '{}' then p_nodes - p_node
                else jsonb_set(p_nodes, array[p_node], (p_nodes -> p_node) - p_connection_id) end
$$;

CREATE TABLE public.award_rules (
    rule_id uuid DEFAULT gen_random_uuid() NOT NULL,
    reward jsonb NOT NULL,
    every interval NOT NULL,
    claim_within interval NOT NULL,
    resource text,
    created_at timestamp with time zone NOT NULL,
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

CREATE TABLE public.claims (
    bonus_id uuid NOT NULL,
    user_id text NOT NULL,
    claim_id text NOT NULL,
    claimed_at timestamp with time zone NOT NULL
);

CREATE TABLE public.ledger (
    id bigint NOT NULL,
    bonus_id uuid NOT NULL,
    user_id text,
    entry text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ledger_entry_check CHECK ((entry = ANY (ARRAY['created'::text, 'claimed'::text, 'cancelled'::text])))
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
    CONSTRAINT offers_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
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

CREATE UNLOGGED TABLE public.used_tickets (
    ticket_id text NOT NULL,
    connection_id text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    gone boolean DEFAULT false NOT NULL
);

CREATE TABLE public.user_streams (
    user_id text NOT NULL,
    seq bigint NOT NULL,
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

ALTER TABLE ONLY public.award_rules
    ADD CONSTRAINT award_rules_pkey PRIMARY KEY (rule_id);

ALTER TABLE ONLY public.awards
    ADD CONSTRAINT awards_pkey PRIMARY KEY (rule_id, session_id, nth);

ALTER TABLE ONLY public.bonus_stock
    ADD CONSTRAINT bonus_stock_pkey PRIMARY KEY (bonus_id, slot);

ALTER TABLE ONLY public.bonuses
    ADD CONSTRAINT bonuses_pkey PRIMARY KEY (bonus_id);

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (bonus_id, user_id);

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_pkey PRIMARY KEY (user_id, bonus_id);

ALTER TABLE ONLY public.stream_epoch
    ADD CONSTRAINT stream_epoch_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.sweep_cursor
    ADD CONSTRAINT sweep_cursor_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.used_tickets
    ADD CONSTRAINT used_tickets_pkey PRIMARY KEY (ticket_id);

ALTER TABLE ONLY public.user_events
    ADD CONSTRAINT user_events_pkey PRIMARY KEY (user_id, seq);

ALTER TABLE ONLY public.user_streams
    ADD CONSTRAINT user_streams_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.watching_times
    ADD CONSTRAINT watching_times_pkey PRIMARY KEY (id);

CREATE INDEX bonuses_closes_at ON public.bonuses USING btree (closes_at);

CREATE INDEX bonuses_unqueued ON public.bonuses USING btree (created_at) WHERE (queued_at IS NULL);

CREATE INDEX offers_bonus ON public.offers USING btree (bonus_id, user_id);

CREATE INDEX used_tickets_expires_at ON public.used_tickets USING brin (expires_at);

CREATE UNIQUE INDEX user_events_action ON public.user_events USING btree (user_id, action_id);

CREATE INDEX user_events_at ON public.user_events USING brin (at) WITH (pages_per_range='32');

CREATE UNIQUE INDEX watching_times_closed ON public.watching_times USING btree (user_id, resource, terminate_at) WHERE (terminate_at IS NOT NULL);

CREATE INDEX watching_times_online ON public.watching_times USING btree (resource, user_id) WHERE (terminate_at IS NULL);

CREATE UNIQUE INDEX watching_times_open ON public.watching_times USING btree (user_id, resource) WHERE (terminate_at IS NULL);

ALTER TABLE ONLY public.awards
    ADD CONSTRAINT awards_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);

ALTER TABLE ONLY public.awards
    ADD CONSTRAINT awards_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES public.award_rules(rule_id);

ALTER TABLE ONLY public.bonus_stock
    ADD CONSTRAINT bonus_stock_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);

ALTER TABLE ONLY public.bonuses
    ADD CONSTRAINT bonuses_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES public.award_rules(rule_id);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);
