CREATE TYPE public.ending AS ENUM (
    'client',
    'lost',
    'idle',
    'expired',
    'swept',
    'node_evicted',
    'kicked',
    'moved',
    'divided'
);

CREATE TYPE public.correctable AS (
	resource text,
	joined_at timestamp with time zone,
	ended_at timestamp with time zone,
	ended_by public.ending,
	visible tstzmultirange,
	revision integer,
	times tstzmultirange,
	moments timestamp with time zone[],
	last_at timestamp with time zone
);

CREATE TYPE public.presence_event_type AS ENUM (
    'online',
    'offline'
);

CREATE TABLE public.user_events (
    user_id text NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    body jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    action_id text NOT NULL,
    patch jsonb
)
WITH (autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.campaigns (
    campaign_id uuid NOT NULL,
    resources text[],
    is_visible boolean NOT NULL,
    is_each boolean NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone,
    times tstzmultirange NOT NULL,
    paused_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    fingerprint text,
    judged_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    judged_upto text DEFAULT ''::text NOT NULL,
    settled_at timestamp with time zone,
    timezone text,
    announced_at timestamp with time zone,
    max_per_user integer,
    max_per_day integer,
    max_in_all bigint,
    cool_down interval,
    test_user_ids text[],
    round bigint DEFAULT 0 NOT NULL,
    CONSTRAINT campaigns_resources_check CHECK (((cardinality(resources) >= 1) AND (cardinality(resources) <= 100))),
    CONSTRAINT days_have_a_timezone CHECK (((max_per_day IS NULL) OR (timezone IS NOT NULL))),
    CONSTRAINT few_test_users CHECK (((cardinality(test_user_ids) >= 1) AND (cardinality(test_user_ids) <= 100))),
    CONSTRAINT limits_are_positive CHECK (((max_per_user > 0) AND (max_per_day > 0) AND (max_in_all > 0) AND (cool_down >= '00:00:01'::interval)))
);

CREATE TABLE public.bonuses (
    bonus_id uuid DEFAULT gen_random_uuid() NOT NULL,
    reward jsonb NOT NULL,
    audience text NOT NULL,
    resource text,
    opens_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    stock integer,
    min_watched interval,
    rule_id uuid,
    created_at timestamp with time zone NOT NULL,
    cancelled_at timestamp with time zone,
    queued_at timestamp with time zone,
    acknowledge boolean DEFAULT false NOT NULL,
    fingerprint text,
    ledger_closed_at timestamp with time zone,
    is_visible boolean DEFAULT false NOT NULL,
    told_left integer,
    milestone smallint,
    CONSTRAINT a_clock_counts_something CHECK (((NOT is_visible) OR (min_watched IS NOT NULL))),
    CONSTRAINT a_resource_has_a_name CHECK (((audience = 'resource'::text) = (resource IS NOT NULL))),
    CONSTRAINT bonuses_audience_check CHECK ((audience = ANY (ARRAY['everyone'::text, 'resource'::text, 'users'::text]))),
    CONSTRAINT bonuses_min_watched_check CHECK ((min_watched > '00:00:00'::interval)),
    CONSTRAINT bonuses_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT bonuses_reward_check CHECK ((octet_length((reward)::text) <= 4096)),
    CONSTRAINT bonuses_stock_check CHECK ((stock > 0)),
    CONSTRAINT opens_before_it_expires CHECK ((opens_at < expires_at))
);

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
    cancelled_at timestamp with time zone,
    CONSTRAINT a_bonus_or_none CHECK (((kind = ANY (ARRAY['news'::text, 'progress'::text])) = (bonus_id IS NULL))),
    CONSTRAINT broadcasts_audience_check CHECK ((audience = ANY (ARRAY['everyone'::text, 'resource'::text, 'users'::text]))),
    CONSTRAINT broadcasts_kind_check CHECK ((kind = ANY (ARRAY['offer'::text, 'cancel'::text, 'stock'::text, 'news'::text, 'progress'::text]))),
    CONSTRAINT broadcasts_news_check CHECK ((octet_length((news)::text) <= 4096)),
    CONSTRAINT listed_users_have_streams_of_their_own CHECK (((audience = 'users'::text) = (seq IS NULL))),
    CONSTRAINT news_says_something CHECK (((kind = 'news'::text) = (news IS NOT NULL)))
);

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

CREATE TABLE public.award_rules (
    rule_id uuid DEFAULT gen_random_uuid() NOT NULL,
    reward jsonb NOT NULL,
    every interval NOT NULL,
    claim_within interval NOT NULL,
    resource text,
    created_at timestamp with time zone NOT NULL,
    fingerprint text,
    ended_at timestamp with time zone,
    is_visible boolean DEFAULT false NOT NULL,
    CONSTRAINT award_rules_claim_within_check CHECK ((claim_within >= '00:00:01'::interval)),
    CONSTRAINT award_rules_every_check CHECK ((every >= '00:00:01'::interval)),
    CONSTRAINT award_rules_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT award_rules_reward_check CHECK ((octet_length((reward)::text) <= 4096))
);

CREATE TABLE public.webhook_log (
    only_row boolean DEFAULT true NOT NULL,
    last_seq bigint DEFAULT 0 NOT NULL,
    pruned_seq bigint DEFAULT 0 NOT NULL,
    pruned_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    presence_seq bigint DEFAULT 0 NOT NULL,
    grant_xid bigint DEFAULT 0 NOT NULL,
    grant_id bigint DEFAULT 0 NOT NULL,
    CONSTRAINT webhook_log_only_row_check CHECK (only_row)
);

CREATE TABLE public.corrections (
    correction_id uuid NOT NULL,
    session_id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    revision integer NOT NULL,
    times tstzmultirange NOT NULL,
    reason text NOT NULL,
    author text NOT NULL,
    at timestamp with time zone NOT NULL,
    last_month date NOT NULL,
    fingerprint text,
    CONSTRAINT corrections_author_check CHECK (((length(author) >= 1) AND (length(author) <= 128))),
    CONSTRAINT corrections_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000))),
    CONSTRAINT corrections_revision_check CHECK ((revision > 0)),
    CONSTRAINT corrections_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
);

CREATE TABLE public.watching_times (
    id bigint NOT NULL,
    user_id character varying(128) NOT NULL,
    resource character varying(128) NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    nodes jsonb NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    ended_by public.ending,
    ended_within interval,
    back_by timestamp with time zone,
    began_at timestamp with time zone,
    away_since timestamp with time zone,
    watched_before interval,
    evidence tstzmultirange,
    visible tstzmultirange,
    was_alone boolean DEFAULT false NOT NULL
)
WITH (fillfactor='80');

CREATE UNLOGGED TABLE public.user_limits (
    user_id text NOT NULL,
    free_at timestamp with time zone NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    refused integer DEFAULT 0 NOT NULL,
    is_kept_out boolean DEFAULT false NOT NULL,
    kind text NOT NULL,
    CONSTRAINT user_limits_kind CHECK ((kind = ANY (ARRAY['message'::text, 'claim'::text, 'ack'::text])))
)
WITH (fillfactor='50');

CREATE TABLE public.questions (
    question_id uuid NOT NULL,
    text text NOT NULL,
    options text[] NOT NULL,
    correct smallint,
    audience text NOT NULL,
    resource text,
    opens_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    reward jsonb,
    claim_within interval,
    bonus_id uuid,
    result_id uuid NOT NULL,
    fingerprint text,
    created_at timestamp with time zone NOT NULL,
    cancelled_at timestamp with time zone,
    closed_at timestamp with time zone,
    tally integer[],
    CONSTRAINT a_resource_has_a_name CHECK (((audience = 'resource'::text) = (resource IS NOT NULL))),
    CONSTRAINT a_reward_is_a_bonus CHECK ((num_nulls(reward, claim_within, bonus_id) = ANY (ARRAY[0, 3]))),
    CONSTRAINT a_window_is_open_for_some_time CHECK ((expires_at > opens_at)),
    CONSTRAINT closed_with_a_tally CHECK (((closed_at IS NULL) = (tally IS NULL))),
    CONSTRAINT questions_audience_check CHECK ((audience = ANY (ARRAY['everyone'::text, 'resource'::text, 'users'::text]))),
    CONSTRAINT questions_check CHECK (((correct >= 0) AND (correct < cardinality(options)))),
    CONSTRAINT questions_options_check CHECK (((cardinality(options) >= 2) AND (cardinality(options) <= 10))),
    CONSTRAINT questions_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT questions_reward_check CHECK ((octet_length((reward)::text) <= 4096)),
    CONSTRAINT questions_text_check CHECK (((text <> ''::text) AND (length(text) <= 300))),
    CONSTRAINT who_was_right_is_known CHECK (((reward IS NULL) OR (correct IS NOT NULL)))
);

CREATE TABLE public.sweep_cursor (
    only_row boolean DEFAULT true NOT NULL,
    user_id text DEFAULT ''::text NOT NULL,
    resource text DEFAULT ''::text NOT NULL,
    cycle_started_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    pages_listed integer DEFAULT 0 NOT NULL,
    pages_asked integer DEFAULT 0 NOT NULL,
    probed_since timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    is_listed boolean DEFAULT false NOT NULL,
    CONSTRAINT sweep_cursor_only_row_check CHECK (only_row)
);

CREATE TABLE public.sweep_pages (
    cycle_started_at timestamp with time zone NOT NULL,
    page integer NOT NULL,
    after_user_id text NOT NULL,
    after_resource text NOT NULL,
    until_user_id text NOT NULL,
    until_resource text NOT NULL,
    listed_at timestamp with time zone NOT NULL
);

CREATE TABLE public.past_sessions (
    id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    ended_by public.ending NOT NULL,
    ended_within interval NOT NULL,
    away_since timestamp with time zone,
    visible tstzmultirange,
    revision integer DEFAULT 0 NOT NULL,
    replaced_by integer,
    CONSTRAINT ends_after_it_begins CHECK ((ended_at >= joined_at)),
    CONSTRAINT replaced_by_a_later_one CHECK ((replaced_by > revision))
)
PARTITION BY RANGE (ended_at);

CREATE VIEW public.sessions AS
 SELECT watching_times.id,
    (watching_times.user_id)::text AS user_id,
    (watching_times.resource)::text AS resource,
    watching_times.joined_at,
    watching_times.ended_at,
    watching_times.ended_by,
        CASE
            WHEN (watching_times.ended_at IS NOT NULL) THEN watching_times.ended_within
            ELSE NULL::interval
        END AS ended_within,
    watching_times.away_since,
        CASE
            WHEN (watching_times.visible IS NOT NULL) THEN (watching_times.visible + COALESCE(( SELECT range_agg(tstzrange(to_timestamp((COALESCE((c.value ->> 'shown'::text), (c.value ->> 'since'::text), (c.value ->> 'at'::text)))::double precision), NULL::timestamp with time zone)) AS range_agg
               FROM jsonb_each(watching_times.nodes) n(key, value),
                LATERAL jsonb_each(n.value) c(key, value)
              WHERE (NOT (c.value ? 'hidden'::text))), '{}'::tstzmultirange))
            ELSE NULL::tstzmultirange
        END AS visible
   FROM public.watching_times
UNION ALL
 SELECT past_sessions.id,
    past_sessions.user_id,
    past_sessions.resource,
    past_sessions.joined_at,
    past_sessions.ended_at,
    past_sessions.ended_by,
    past_sessions.ended_within,
    past_sessions.away_since,
    past_sessions.visible
   FROM public.past_sessions
  WHERE (past_sessions.replaced_by IS NULL);

CREATE TABLE public.payouts (
    bonus_id uuid NOT NULL,
    user_id text NOT NULL,
    revision integer NOT NULL,
    payout_id text NOT NULL,
    state text NOT NULL,
    reason text,
    give_back boolean NOT NULL,
    gave_back boolean NOT NULL,
    author text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT only_what_is_rejected_is_given_back CHECK (((state = 'rejected'::text) OR (NOT give_back))),
    CONSTRAINT payouts_author_check CHECK (((length(author) >= 1) AND (length(author) <= 128))),
    CONSTRAINT payouts_payout_id_check CHECK (((length(payout_id) >= 1) AND (length(payout_id) <= 128))),
    CONSTRAINT payouts_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 200))),
    CONSTRAINT payouts_revision_check CHECK ((revision > 0)),
    CONSTRAINT payouts_state_check CHECK ((state = ANY (ARRAY['fulfilled'::text, 'rejected'::text]))),
    CONSTRAINT payouts_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128))),
    CONSTRAINT what_is_given_back_was_asked_for CHECK ((give_back OR (NOT gave_back)))
);

CREATE UNLOGGED TABLE public.push_budget (
    only_row boolean DEFAULT true NOT NULL,
    free_at timestamp with time zone NOT NULL,
    reserved_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT push_budget_only_row_check CHECK (only_row)
);

CREATE TABLE public.reveals (
    reveal_id uuid NOT NULL,
    content jsonb NOT NULL,
    sealed text NOT NULL,
    key text NOT NULL,
    key_id uuid NOT NULL,
    audience text NOT NULL,
    resource text,
    connections bigint NOT NULL,
    reveals_at timestamp with time zone NOT NULL,
    key_at timestamp with time zone NOT NULL,
    fingerprint text,
    created_at timestamp with time zone NOT NULL,
    cancelled_at timestamp with time zone,
    CONSTRAINT a_reveals_resource_has_a_name CHECK (((audience = 'resource'::text) = (resource IS NOT NULL))),
    CONSTRAINT reveals_audience_check CHECK ((audience = ANY (ARRAY['everyone'::text, 'resource'::text]))),
    CONSTRAINT reveals_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT the_key_comes_before CHECK ((key_at < reveals_at))
);

CREATE TABLE public.rollups (
    is_visible boolean NOT NULL,
    resource text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    watched interval NOT NULL,
    uncertain interval NOT NULL,
    went_on integer NOT NULL,
    began integer NOT NULL,
    came_back integer[],
    viewers integer NOT NULL,
    peak_viewers integer NOT NULL,
    peak_at timestamp with time zone NOT NULL,
    peak_users integer,
    peak_users_at timestamp with time zone
);

CREATE UNLOGGED TABLE public.audience_samples (
    resource text NOT NULL,
    users integer NOT NULL,
    connections integer NOT NULL,
    sampled_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.acks (
    bonus_id uuid NOT NULL,
    user_id text NOT NULL,
    at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.answers (
    question_id uuid NOT NULL,
    user_id text NOT NULL,
    option smallint NOT NULL,
    answered_at timestamp with time zone NOT NULL,
    CONSTRAINT answers_option_check CHECK ((option >= 0)),
    CONSTRAINT answers_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
);

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    author text NOT NULL,
    source text,
    operation text NOT NULL,
    subject text,
    outcome text,
    reason text,
    CONSTRAINT audit_author_check CHECK (((length(author) >= 1) AND (length(author) <= 128))),
    CONSTRAINT audit_operation_check CHECK (((length(operation) >= 1) AND (length(operation) <= 128))),
    CONSTRAINT audit_outcome_check CHECK (((length(outcome) >= 1) AND (length(outcome) <= 128))),
    CONSTRAINT audit_reason_check CHECK ((length(reason) <= 1000)),
    CONSTRAINT audit_source_check CHECK (((length(source) >= 1) AND (length(source) <= 128))),
    CONSTRAINT audit_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 128)))
);

ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.award_progress (
    rule_id uuid NOT NULL,
    user_id text NOT NULL,
    watched interval NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE public.awards (
    rule_id uuid NOT NULL,
    user_id text NOT NULL,
    nth bigint NOT NULL
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
    begins_after bigint DEFAULT 0 NOT NULL,
    CONSTRAINT broadcast_stream_only_row_check CHECK (only_row)
);

CREATE TABLE public.campaign_milestones (
    campaign_id uuid NOT NULL,
    milestone smallint NOT NULL,
    watched interval NOT NULL,
    is_repeated boolean NOT NULL,
    reward jsonb NOT NULL,
    claim_within interval NOT NULL,
    awarded bigint DEFAULT 0 NOT NULL,
    days smallint,
    CONSTRAINT campaign_milestones_claim_within_check CHECK ((claim_within >= '00:00:01'::interval)),
    CONSTRAINT campaign_milestones_milestone_check CHECK (((milestone >= 1) AND (milestone <= 12))),
    CONSTRAINT campaign_milestones_reward_check CHECK ((octet_length((reward)::text) <= 4096)),
    CONSTRAINT campaign_milestones_watched_check CHECK ((watched >= '00:00:01'::interval)),
    CONSTRAINT days_of_a_year CHECK (((days >= 1) AND (days <= 366)))
);

CREATE TABLE public.campaign_progress (
    campaign_id uuid NOT NULL,
    user_id text NOT NULL,
    watched interval DEFAULT '00:00:00'::interval NOT NULL,
    awarded integer[] DEFAULT '{}'::integer[] NOT NULL,
    daily interval[],
    awards integer DEFAULT 0 NOT NULL,
    awards_of_day integer DEFAULT 0 NOT NULL,
    last_award_at timestamp with time zone,
    told interval DEFAULT '00:00:00'::interval NOT NULL,
    told_by uuid
)
WITH (fillfactor='80');

CREATE TABLE public.ledger (
    id bigint NOT NULL,
    bonus_id uuid NOT NULL,
    user_id text,
    entry text NOT NULL,
    at timestamp with time zone NOT NULL,
    audience text,
    resource text,
    payout_revision integer
)
PARTITION BY RANGE (at);

CREATE SEQUENCE public.ledger_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.ledger_id_seq OWNED BY public.ledger.id;

CREATE TABLE public.claims (
    bonus_id uuid NOT NULL,
    user_id text NOT NULL,
    claim_id text NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    grant_id bigint DEFAULT nextval('public.ledger_id_seq'::regclass) NOT NULL,
    xid bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.clock_watch (
    only_row boolean DEFAULT true NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    steady_since timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT clock_watch_only_row_check CHECK (only_row)
);

CREATE TABLE public.draw_candidates (
    bonus_id uuid NOT NULL,
    rank bytea NOT NULL,
    user_id text NOT NULL
);

CREATE TABLE public.draws (
    bonus_id uuid NOT NULL,
    resource text,
    among_bonus_id uuid,
    within interval,
    winners integer NOT NULL,
    candidates integer NOT NULL,
    seed bytea NOT NULL,
    digest bytea NOT NULL,
    last_rank bytea NOT NULL,
    drawn_at timestamp with time zone NOT NULL,
    CONSTRAINT draws_candidates_check CHECK ((candidates > 0)),
    CONSTRAINT draws_digest_check CHECK ((length(digest) = 32)),
    CONSTRAINT draws_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT draws_seed_check CHECK ((length(seed) = 32)),
    CONSTRAINT draws_winners_check CHECK ((winners > 0)),
    CONSTRAINT draws_within_check CHECK ((within > '00:00:00'::interval)),
    CONSTRAINT present_or_claims CHECK (((among_bonus_id IS NULL) OR (resource IS NULL))),
    CONSTRAINT within_a_window CHECK (((within IS NULL) OR (among_bonus_id IS NOT NULL)))
);

CREATE TABLE public.erasures (
    erasure_id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id text,
    pseudonym text DEFAULT ('erased-'::text || gen_random_uuid()) NOT NULL,
    author text NOT NULL,
    keep_mentions boolean NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    step integer DEFAULT 0 NOT NULL,
    after jsonb,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT done_without_the_id CHECK (((done_at IS NULL) = (user_id IS NOT NULL))),
    CONSTRAINT erasures_author_check CHECK (((length(author) >= 1) AND (length(author) <= 128))),
    CONSTRAINT erasures_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
);

CREATE TABLE public.grant_log (
    only_row boolean DEFAULT true NOT NULL,
    pruned_xid bigint DEFAULT 0 NOT NULL,
    pruned_grant_id bigint DEFAULT 0 NOT NULL,
    CONSTRAINT grant_log_only_row_check CHECK (only_row)
);

CREATE TABLE public.ledger_default (
    id bigint DEFAULT nextval('public.ledger_id_seq'::regclass) CONSTRAINT ledger_id_not_null NOT NULL,
    bonus_id uuid CONSTRAINT ledger_bonus_id_not_null NOT NULL,
    user_id text,
    entry text CONSTRAINT ledger_entry_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT ledger_at_not_null NOT NULL,
    audience text,
    resource text,
    payout_revision integer
);

CREATE TABLE public.line_limits (
    only_row boolean DEFAULT true NOT NULL,
    ping_every interval DEFAULT '00:04:00'::interval NOT NULL,
    rotate_within interval DEFAULT '01:55:00'::interval NOT NULL,
    reconnect_within interval DEFAULT '00:00:02'::interval NOT NULL,
    counted_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    connections bigint DEFAULT 0 NOT NULL,
    expected bigint DEFAULT 0 NOT NULL,
    period timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    longest interval DEFAULT '00:00:00'::interval NOT NULL,
    longest_before interval DEFAULT '00:00:00'::interval NOT NULL,
    wait_for_lost interval DEFAULT '00:00:00'::interval NOT NULL,
    CONSTRAINT line_limits_only_row_check CHECK (only_row)
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
    expires_at timestamp with time zone DEFAULT 'infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT offers_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
)
WITH (autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.past_sessions_default (
    id bigint CONSTRAINT past_sessions_id_not_null NOT NULL,
    user_id text CONSTRAINT past_sessions_user_id_not_null NOT NULL,
    resource text CONSTRAINT past_sessions_resource_not_null NOT NULL,
    joined_at timestamp with time zone CONSTRAINT past_sessions_joined_at_not_null NOT NULL,
    ended_at timestamp with time zone CONSTRAINT past_sessions_ended_at_not_null NOT NULL,
    ended_by public.ending CONSTRAINT past_sessions_ended_by_not_null NOT NULL,
    ended_within interval CONSTRAINT past_sessions_ended_within_not_null NOT NULL,
    away_since timestamp with time zone,
    visible tstzmultirange,
    revision integer DEFAULT 0 CONSTRAINT past_sessions_revision_not_null NOT NULL,
    replaced_by integer,
    CONSTRAINT ends_after_it_begins CHECK ((ended_at >= joined_at)),
    CONSTRAINT replaced_by_a_later_one CHECK ((replaced_by > revision))
);

CREATE TABLE public.presence_event_log (
    only_row boolean DEFAULT true NOT NULL,
    last_seq bigint DEFAULT 0 NOT NULL,
    pruned_seq bigint DEFAULT 0 NOT NULL,
    CONSTRAINT presence_event_log_only_row_check CHECK (only_row)
);

CREATE TABLE public.presence_events (
    seq bigint NOT NULL,
    type public.presence_event_type NOT NULL,
    session_id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.02');

CREATE TABLE public.presence_outbox (
    due_at timestamp with time zone NOT NULL,
    type public.presence_event_type NOT NULL,
    session_id bigint NOT NULL,
    user_id text NOT NULL,
    resource text NOT NULL,
    at timestamp with time zone NOT NULL,
    is_finalized boolean DEFAULT false NOT NULL
);

CREATE TABLE public.question_users (
    question_id uuid NOT NULL,
    user_id text NOT NULL,
    CONSTRAINT question_users_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
);

CREATE TABLE public.rollup_state (
    only_row boolean DEFAULT true NOT NULL,
    rolled_up_to timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    kept_since timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT rollup_state_only_row_check CHECK (only_row)
);

CREATE TABLE public.rollups_due (
    starts_at timestamp with time zone NOT NULL
);

CREATE TABLE public.scheduled_broadcasts (
    broadcast_id uuid NOT NULL,
    step text NOT NULL,
    subject_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    queued_at timestamp with time zone
);

CREATE TABLE public.service_keys (
    key_id uuid NOT NULL,
    name text NOT NULL,
    slot smallint NOT NULL,
    scopes text[] NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    previous_hash bytea,
    previous_until timestamp with time zone,
    expires_at timestamp with time zone,
    used_at timestamp with time zone,
    requests_per_minute integer,
    minute_began_at timestamp with time zone,
    minute_requests integer,
    CONSTRAINT service_keys_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT service_keys_name_check CHECK ((name ~ '^[A-Za-z0-9._-]{1,64}$'::text)),
    CONSTRAINT service_keys_previous_hash_check CHECK ((length(previous_hash) = 32)),
    CONSTRAINT service_keys_requests_per_minute_check CHECK (((requests_per_minute >= 1) AND (requests_per_minute <= 60000))),
    CONSTRAINT service_keys_scopes_check CHECK (((cardinality(scopes) >= 1) AND (cardinality(scopes) <= 10))),
    CONSTRAINT service_keys_slot_check CHECK ((slot = ANY (ARRAY[1, 2])))
);

CREATE TABLE public.stream_epoch (
    only_row boolean DEFAULT true NOT NULL,
    epoch uuid DEFAULT gen_random_uuid() NOT NULL,
    server text,
    CONSTRAINT stream_epoch_only_row_check CHECK (only_row)
);

CREATE TABLE public.unreachable_nodes (
    node text NOT NULL,
    since timestamp with time zone NOT NULL
);

CREATE TABLE public.used_tickets (
    ticket_id text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.user_streams (
    user_id text NOT NULL,
    seq bigint NOT NULL,
    state jsonb DEFAULT '{}'::jsonb NOT NULL,
    last_month date DEFAULT date_trunc('month'::text, (now() AT TIME ZONE 'UTC'::text)) NOT NULL,
    CONSTRAINT user_streams_seq_check CHECK ((seq > 0)),
    CONSTRAINT user_streams_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
)
WITH (fillfactor='80');

CREATE TABLE public.watch_totals (
    user_id text NOT NULL,
    resource text NOT NULL,
    watched interval NOT NULL,
    last_month date NOT NULL,
    hidden interval DEFAULT '00:00:00'::interval NOT NULL,
    first_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    first_visible_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
)
WITH (fillfactor='80');

CREATE VIEW public.watching_counts AS
 SELECT id,
    user_id,
    joined_at,
    ended_at,
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

CREATE TABLE public.webhook_deliveries (
    webhook_id uuid NOT NULL,
    seq bigint NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    status smallint,
    error text,
    CONSTRAINT webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'delivered'::text, 'dead'::text])))
);

CREATE TABLE public.webhook_events (
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    webhook_id uuid,
    user_id text,
    resource text,
    at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    CONSTRAINT webhook_events_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
);

CREATE TABLE public.webhook_outbox (
    id bigint NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    due_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    type text NOT NULL,
    user_id text,
    resource text,
    at timestamp with time zone NOT NULL,
    data jsonb NOT NULL,
    CONSTRAINT webhook_outbox_user_id_check CHECK (((length(user_id) >= 1) AND (length(user_id) <= 128)))
);

ALTER TABLE public.webhook_outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhooks (
    webhook_id uuid NOT NULL,
    url text NOT NULL,
    types text[] NOT NULL,
    resource text,
    secret text NOT NULL,
    old_secret text,
    old_until timestamp with time zone,
    fingerprint text,
    created_at timestamp with time zone NOT NULL,
    off_at timestamp with time zone,
    off_by text,
    done_seq bigint NOT NULL,
    delivered bigint DEFAULT 0 NOT NULL,
    delivered_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    next_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    worker uuid,
    held_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT off_for_a_reason CHECK (((off_at IS NULL) = (off_by IS NULL))),
    CONSTRAINT old_for_some_time CHECK (((old_secret IS NULL) = (old_until IS NULL))),
    CONSTRAINT webhooks_off_by_check CHECK ((off_by = ANY (ARRAY['order'::text, 'gone'::text, 'failing'::text, 'behind'::text]))),
    CONSTRAINT webhooks_resource_check CHECK (((length(resource) >= 1) AND (length(resource) <= 128))),
    CONSTRAINT webhooks_types_check CHECK (((cardinality(types) >= 1) AND (cardinality(types) <= 20))),
    CONSTRAINT webhooks_url_check CHECK (((length(url) >= 1) AND (length(url) <= 2048)))
);

ALTER TABLE ONLY public.ledger ATTACH PARTITION public.ledger_default DEFAULT;

ALTER TABLE ONLY public.past_sessions ATTACH PARTITION public.past_sessions_default DEFAULT;

ALTER TABLE ONLY public.ledger ALTER COLUMN id SET DEFAULT nextval('public.ledger_id_seq'::regclass);

ALTER TABLE ONLY public.acks
    ADD CONSTRAINT acks_pkey PRIMARY KEY (bonus_id, user_id);

ALTER TABLE ONLY public.answers
    ADD CONSTRAINT answers_pkey PRIMARY KEY (question_id, user_id);

ALTER TABLE ONLY public.audience_samples
    ADD CONSTRAINT audience_samples_pkey PRIMARY KEY (resource);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.award_progress
    ADD CONSTRAINT award_progress_pkey PRIMARY KEY (rule_id, user_id);

ALTER TABLE ONLY public.award_rules
    ADD CONSTRAINT award_rules_pkey PRIMARY KEY (rule_id);

ALTER TABLE ONLY public.awards
    ADD CONSTRAINT awards_pkey PRIMARY KEY (rule_id, user_id);

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

ALTER TABLE ONLY public.campaign_milestones
    ADD CONSTRAINT campaign_milestones_pkey PRIMARY KEY (campaign_id, milestone);

ALTER TABLE ONLY public.campaign_progress
    ADD CONSTRAINT campaign_progress_pkey PRIMARY KEY (campaign_id, user_id);

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (campaign_id);

ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (bonus_id, user_id);

ALTER TABLE ONLY public.clock_watch
    ADD CONSTRAINT clock_watch_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT corrections_pkey PRIMARY KEY (correction_id);

ALTER TABLE ONLY public.draw_candidates
    ADD CONSTRAINT draw_candidates_pkey PRIMARY KEY (bonus_id, rank);

ALTER TABLE ONLY public.draws
    ADD CONSTRAINT draws_pkey PRIMARY KEY (bonus_id);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (erasure_id);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pseudonym_key UNIQUE (pseudonym);

ALTER TABLE ONLY public.grant_log
    ADD CONSTRAINT grant_log_pkey PRIMARY KEY (only_row);

ALTER TABLE public.ledger
    ADD CONSTRAINT ledger_entry_check CHECK ((entry = ANY (ARRAY['created'::text, 'offered'::text, 'claimed'::text, 'expired'::text, 'cancelled'::text, 'fulfilled'::text, 'rejected'::text]))) NOT VALID;

ALTER TABLE ONLY public.line_limits
    ADD CONSTRAINT line_limits_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_pkey PRIMARY KEY (bonus_id, user_id);

ALTER TABLE ONLY public.past_sessions
    ADD CONSTRAINT past_sessions_pkey PRIMARY KEY (ended_at, id, revision);

ALTER TABLE ONLY public.past_sessions_default
    ADD CONSTRAINT past_sessions_default_pkey PRIMARY KEY (ended_at, id, revision);

ALTER TABLE ONLY public.payouts
    ADD CONSTRAINT payouts_bonus_id_user_id_payout_id_key UNIQUE (bonus_id, user_id, payout_id);

ALTER TABLE ONLY public.payouts
    ADD CONSTRAINT payouts_pkey PRIMARY KEY (bonus_id, user_id, revision);

ALTER TABLE ONLY public.presence_event_log
    ADD CONSTRAINT presence_event_log_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.presence_events
    ADD CONSTRAINT presence_events_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.push_budget
    ADD CONSTRAINT push_budget_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.question_users
    ADD CONSTRAINT question_users_pkey PRIMARY KEY (question_id, user_id);

ALTER TABLE ONLY public.questions
    ADD CONSTRAINT questions_pkey PRIMARY KEY (question_id);

ALTER TABLE ONLY public.reveals
    ADD CONSTRAINT reveals_pkey PRIMARY KEY (reveal_id);

ALTER TABLE ONLY public.rollup_state
    ADD CONSTRAINT rollup_state_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.rollups_due
    ADD CONSTRAINT rollups_due_pkey PRIMARY KEY (starts_at);

ALTER TABLE ONLY public.rollups
    ADD CONSTRAINT rollups_pkey PRIMARY KEY (resource, is_visible, starts_at);

ALTER TABLE ONLY public.scheduled_broadcasts
    ADD CONSTRAINT scheduled_broadcasts_pkey PRIMARY KEY (broadcast_id);

ALTER TABLE ONLY public.service_keys
    ADD CONSTRAINT service_keys_name_slot_key UNIQUE (name, slot);

ALTER TABLE ONLY public.service_keys
    ADD CONSTRAINT service_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY public.stream_epoch
    ADD CONSTRAINT stream_epoch_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.sweep_cursor
    ADD CONSTRAINT sweep_cursor_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.sweep_pages
    ADD CONSTRAINT sweep_pages_pkey PRIMARY KEY (cycle_started_at, page);

ALTER TABLE ONLY public.unreachable_nodes
    ADD CONSTRAINT unreachable_nodes_pkey PRIMARY KEY (node);

ALTER TABLE ONLY public.used_tickets
    ADD CONSTRAINT used_tickets_pkey PRIMARY KEY (ticket_id);

ALTER TABLE ONLY public.user_events
    ADD CONSTRAINT user_events_pkey PRIMARY KEY (user_id, seq);

ALTER TABLE ONLY public.user_limits
    ADD CONSTRAINT user_limits_pkey PRIMARY KEY (user_id, kind);

ALTER TABLE ONLY public.user_streams
    ADD CONSTRAINT user_streams_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.watch_totals
    ADD CONSTRAINT watch_totals_pkey PRIMARY KEY (user_id, resource);

ALTER TABLE ONLY public.watching_times
    ADD CONSTRAINT watching_times_pkey PRIMARY KEY (user_id, resource);

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (webhook_id, seq);

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT webhook_events_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.webhook_log
    ADD CONSTRAINT webhook_log_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.webhook_outbox
    ADD CONSTRAINT webhook_outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (webhook_id);

CREATE INDEX acks_at ON public.acks USING btree (at);

CREATE INDEX audit_at ON public.audit USING btree (at);

CREATE INDEX audit_subject ON public.audit USING btree (subject, id);

CREATE INDEX award_progress_user ON public.award_progress USING btree (user_id);

CREATE INDEX award_rules_live ON public.award_rules USING btree (rule_id) WHERE (ended_at IS NULL);

CREATE INDEX awards_user ON public.awards USING btree (user_id);

CREATE INDEX bonuses_everyone ON public.bonuses USING btree (expires_at) WHERE ((audience = 'everyone'::text) AND (cancelled_at IS NULL));

CREATE INDEX bonuses_everyone_cancelled ON public.bonuses USING btree (expires_at) WHERE ((audience = 'everyone'::text) AND (cancelled_at IS NOT NULL));

CREATE INDEX bonuses_ledger_closed ON public.bonuses USING btree (expires_at) WHERE (ledger_closed_at IS NOT NULL);

CREATE INDEX bonuses_ledger_open ON public.bonuses USING btree (expires_at) WHERE (ledger_closed_at IS NULL);

CREATE INDEX bonuses_newest ON public.bonuses USING btree (created_at, bonus_id);

CREATE INDEX bonuses_resource ON public.bonuses USING btree (resource, expires_at) WHERE ((audience = 'resource'::text) AND (cancelled_at IS NULL));

CREATE INDEX bonuses_resource_cancelled ON public.bonuses USING btree (resource, expires_at) WHERE ((audience = 'resource'::text) AND (cancelled_at IS NOT NULL));

CREATE INDEX bonuses_unqueued ON public.bonuses USING btree (created_at) WHERE (queued_at IS NULL);

CREATE INDEX broadcasts_audience ON public.broadcasts USING btree (audience, resource, seq);

CREATE INDEX broadcasts_bonus ON public.broadcasts USING btree (bonus_id);

CREATE INDEX broadcasts_cancels ON public.broadcasts USING btree (expires_at) WHERE (kind = 'cancel'::text);

CREATE INDEX broadcasts_everyones_news ON public.broadcasts USING btree (seq) WHERE ((audience = 'everyone'::text) AND (kind = 'news'::text));

CREATE INDEX broadcasts_expires_at ON public.broadcasts USING btree (expires_at);

CREATE INDEX broadcasts_resource_news ON public.broadcasts USING btree (resource, seq) WHERE ((audience = 'resource'::text) AND (kind = 'news'::text));

CREATE INDEX campaign_progress_told ON public.campaign_progress USING btree (told_by, user_id) WHERE (told_by IS NOT NULL);

CREATE INDEX campaign_progress_user ON public.campaign_progress USING btree (user_id);

CREATE INDEX campaigns_live ON public.campaigns USING btree (campaign_id) WHERE (settled_at IS NULL);

CREATE INDEX campaigns_newest ON public.campaigns USING btree (created_at, campaign_id);

CREATE INDEX claims_grants ON public.claims USING btree (xid, grant_id);

CREATE INDEX corrections_last_month ON public.corrections USING btree (last_month);

CREATE INDEX corrections_newest ON public.corrections USING btree (at, correction_id);

CREATE UNIQUE INDEX corrections_session ON public.corrections USING btree (session_id, revision);

CREATE INDEX corrections_user ON public.corrections USING btree (user_id, at, correction_id);

CREATE INDEX draw_candidates_user ON public.draw_candidates USING btree (user_id);

CREATE INDEX erasures_newest ON public.erasures USING btree (asked_at, erasure_id);

CREATE UNIQUE INDEX erasures_under_way ON public.erasures USING btree (user_id) WHERE (done_at IS NULL);

CREATE INDEX ledger_everyone ON ONLY public.ledger USING btree (id) WHERE (audience = 'everyone'::text);

CREATE INDEX ledger_default_id_idx ON public.ledger_default USING btree (id) WHERE (audience = 'everyone'::text);

CREATE INDEX ledger_resource ON ONLY public.ledger USING btree (resource, id) WHERE (audience = 'resource'::text);

CREATE INDEX ledger_default_resource_id_idx ON public.ledger_default USING btree (resource, id) WHERE (audience = 'resource'::text);

CREATE INDEX ledger_user ON ONLY public.ledger USING btree (user_id, id) WHERE (user_id IS NOT NULL);

CREATE INDEX ledger_default_user_id_id_idx ON public.ledger_default USING btree (user_id, id) WHERE (user_id IS NOT NULL);

CREATE INDEX offers_user ON public.offers USING btree (user_id, expires_at);

CREATE INDEX past_sessions_away ON ONLY public.past_sessions USING btree (away_since) WHERE (away_since IS NOT NULL);

CREATE INDEX past_sessions_default_away_since_idx ON public.past_sessions_default USING btree (away_since) WHERE (away_since IS NOT NULL);

CREATE INDEX past_sessions_sampled ON ONLY public.past_sessions USING btree (ended_at) WHERE ((hashtextextended(user_id, (0)::bigint) & (1023)::bigint) < 128);

CREATE INDEX past_sessions_default_ended_at_idx ON public.past_sessions_default USING btree (ended_at) WHERE ((hashtextextended(user_id, (0)::bigint) & (1023)::bigint) < 128);

CREATE INDEX past_sessions_resource ON ONLY public.past_sessions USING btree (resource, ended_at, id);

CREATE INDEX past_sessions_default_resource_terminate_at_id_idx ON public.past_sessions_default USING btree (resource, ended_at, id);

CREATE INDEX past_sessions_long ON ONLY public.past_sessions USING btree (ended_at, joined_at) WHERE ((ended_at - joined_at) > '04:00:00'::interval);

CREATE INDEX past_sessions_default_terminate_at_join_at_idx ON public.past_sessions_default USING btree (ended_at, joined_at) WHERE ((ended_at - joined_at) > '04:00:00'::interval);

CREATE INDEX past_sessions_user_long ON ONLY public.past_sessions USING btree (user_id, ended_at, id) WHERE ((ended_at - joined_at) > '04:00:00'::interval);

CREATE INDEX past_sessions_default_user_id_ended_at_id_idx ON public.past_sessions_default USING btree (user_id, ended_at, id) WHERE ((ended_at - joined_at) > '04:00:00'::interval);

CREATE INDEX past_sessions_user ON ONLY public.past_sessions USING btree (user_id, ended_at, id);

CREATE INDEX past_sessions_default_user_id_terminate_at_id_idx ON public.past_sessions_default USING btree (user_id, ended_at, id);

CREATE INDEX payouts_user ON public.payouts USING btree (user_id, bonus_id, revision);

CREATE INDEX presence_outbox_due ON public.presence_outbox USING btree (due_at);

CREATE INDEX questions_created_at ON public.questions USING btree (created_at DESC, question_id DESC);

CREATE INDEX questions_expires_at ON public.questions USING btree (expires_at);

CREATE INDEX reveals_created_at ON public.reveals USING btree (created_at DESC, reveal_id DESC);

CREATE INDEX reveals_reveals_at ON public.reveals USING btree (reveals_at);

CREATE INDEX rollups_quarters ON public.rollups USING btree (starts_at);

CREATE INDEX used_tickets_expires_at ON public.used_tickets USING brin (expires_at);

CREATE UNIQUE INDEX user_events_action ON public.user_events USING btree (user_id, action_id);

CREATE INDEX user_events_at ON public.user_events USING btree (at);

CREATE INDEX user_streams_last_month ON public.user_streams USING btree (last_month);

CREATE INDEX watch_totals_last_month ON public.watch_totals USING btree (last_month);

CREATE INDEX watching_times_resource ON public.watching_times USING btree (resource, user_id);

CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (webhook_id, due_at) WHERE (state = 'waiting'::text);

CREATE INDEX webhook_events_recorded_at ON public.webhook_events USING btree (recorded_at);

CREATE INDEX webhooks_of_connections ON public.webhooks USING btree (webhook_id) WHERE (types && '{connection.opened,connection.closed}'::text[]);

ALTER INDEX public.ledger_everyone ATTACH PARTITION public.ledger_default_id_idx;

ALTER INDEX public.ledger_resource ATTACH PARTITION public.ledger_default_resource_id_idx;

ALTER INDEX public.ledger_user ATTACH PARTITION public.ledger_default_user_id_id_idx;

ALTER INDEX public.past_sessions_away ATTACH PARTITION public.past_sessions_default_away_since_idx;

ALTER INDEX public.past_sessions_sampled ATTACH PARTITION public.past_sessions_default_ended_at_idx;

ALTER INDEX public.past_sessions_pkey ATTACH PARTITION public.past_sessions_default_pkey;

ALTER INDEX public.past_sessions_resource ATTACH PARTITION public.past_sessions_default_resource_terminate_at_id_idx;

ALTER INDEX public.past_sessions_long ATTACH PARTITION public.past_sessions_default_terminate_at_join_at_idx;

ALTER INDEX public.past_sessions_user_long ATTACH PARTITION public.past_sessions_default_user_id_ended_at_id_idx;

ALTER INDEX public.past_sessions_user ATTACH PARTITION public.past_sessions_default_user_id_terminate_at_id_idx;

CREATE TRIGGER add_watch_totals AFTER INSERT ON public.past_sessions REFERENCING NEW TABLE AS finalized FOR EACH STATEMENT EXECUTE FUNCTION public.add_watch_totals();

CREATE TRIGGER rule_to_campaign AFTER INSERT OR UPDATE ON public.award_rules FOR EACH ROW EXECUTE FUNCTION public.rule_to_campaign();

ALTER TABLE ONLY public.bonus_stock
    ADD CONSTRAINT bonus_stock_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);

ALTER TABLE ONLY public.broadcast_shards
    ADD CONSTRAINT broadcast_shards_broadcast_id_fkey FOREIGN KEY (broadcast_id) REFERENCES public.broadcasts(broadcast_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.broadcasts
    ADD CONSTRAINT broadcasts_bonus_id_fkey FOREIGN KEY (bonus_id) REFERENCES public.bonuses(bonus_id);

ALTER TABLE ONLY public.campaign_milestones
    ADD CONSTRAINT campaign_milestones_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(campaign_id);

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhooks(webhook_id) ON DELETE CASCADE;
