-- Why a campaign cannot be in these times and days: 'in_past' or 'unknown_timezone'. Null: it can. p_starts_at, p_announced_at
-- null: now. A request may have taken a minute to arrive.
create or replace function times_refusal(
    p_starts_at timestamptz, p_ends_at timestamptz, p_announced_at timestamptz, p_timezone text, p_now timestamptz
) returns text language plpgsql stable as $$
begin
    perform p_now at time zone p_timezone;
    return case when least(p_starts_at, p_announced_at) < p_now - interval '1 minute'
                     or p_ends_at <= greatest(p_starts_at, p_now) then 'in_past' end;
exception when invalid_parameter_value then
    return 'unknown_timezone';
end $$;

-- When the minutes of a campaign count that has not begun.
create or replace function times_from(p_starts_at timestamptz, p_ends_at timestamptz, p_now timestamptz)
returns tstzmultirange language sql immutable as $$
    select tstzmultirange(tstzrange(greatest(p_starts_at, p_now), p_ends_at))
$$;

-- Milestones as an order has them: [{milestone, watched_seconds, days, repeats, reward, claim_within_seconds}, …].
create or replace function ordered_milestones(p_milestones jsonb) returns table (
    milestone smallint, watched interval, is_repeated boolean, reward jsonb, claim_within interval, days smallint
) language sql immutable as $$
    select milestone, make_interval(secs => watched_seconds), repeats, reward, make_interval(secs => claim_within_seconds),
           days
      from jsonb_to_recordset(p_milestones) as m (
           milestone smallint, watched_seconds float8, repeats boolean, reward jsonb, claim_within_seconds float8,
           days smallint)
$$;

-- Limits as an order has them: {per_user, per_day, in_all, cool_down_seconds}.
create or replace function ordered_limits(p_limits jsonb) returns table (
    max_per_user integer, max_per_day integer, max_in_all bigint, cool_down interval
) language sql immutable as $$
    select per_user, per_day, in_all, make_interval(secs => cool_down_seconds)
      from jsonb_to_record(coalesce(p_limits, '{}')) as l (
           per_user integer, per_day integer, in_all bigint, cool_down_seconds float8)
$$;

-- Create a campaign: see `judge_campaigns`. The caller chooses the id. Returns
--   created
--   repeated  the same order came before; nothing changed
--   conflict  another campaign has this id; nothing changed
--   in_past, unknown_timezone   see `times_refusal`; nothing is written
-- p_resources null: all; p_is_each: a minute on two of them at once is two; p_starts_at null: now; p_ends_at null:
-- until it is ended; p_milestones, p_limits: see `ordered_milestones`, `ordered_limits`; p_timezone: of its days;
-- p_announced_at: from when on it is shown; null: from its start; p_test_user_ids: those it is for; null: all;
-- p_fingerprint: of the order, to recognise a repeat.
create or replace function create_campaign(
    p_campaign_id uuid, p_resources text[], p_is_visible boolean, p_is_each boolean, p_starts_at timestamptz,
    p_ends_at timestamptz, p_milestones jsonb, p_fingerprint text default null, p_timezone text default null,
    p_limits jsonb default null, p_announced_at timestamptz default null, p_test_user_ids text[] default null,
    p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_refusal text := times_refusal(p_starts_at, p_ends_at, p_announced_at, p_timezone, v_now);
begin
    if v_refusal is not null and not exists (select from campaigns c where c.campaign_id = p_campaign_id) then
        return v_refusal;
    end if;
    insert into campaigns (campaign_id, resources, is_visible, is_each, timezone, starts_at, ends_at, times, announced_at,
                           max_per_user, max_per_day, max_in_all, cool_down, test_user_ids, created_at, fingerprint)
        select p_campaign_id, p_resources, p_is_visible, p_is_each, p_timezone, greatest(p_starts_at, v_now), p_ends_at,
               times_from(p_starts_at, p_ends_at, v_now), p_announced_at, l.max_per_user, l.max_per_day, l.max_in_all,
               l.cool_down, p_test_user_ids, v_now, p_fingerprint
          from ordered_limits(p_limits) as l
        on conflict (campaign_id) do nothing;
    if not found then
        return (select case when c.fingerprint is not distinct from p_fingerprint then 'repeated' else 'conflict' end
                  from campaigns c where c.campaign_id = p_campaign_id);
    end if;
    insert into campaign_milestones (campaign_id, milestone, watched, is_repeated, reward, claim_within, days)
        select p_campaign_id, m.* from ordered_milestones(p_milestones) as m;
    return 'created';
end $$;
