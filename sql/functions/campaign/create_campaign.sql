-- Why a campaign cannot be in these times: 'in_past'. Null: it can. p_starts_at null: now. A request may have taken a
-- minute to arrive.
create or replace function times_refusal(p_starts_at timestamptz, p_ends_at timestamptz, p_now timestamptz)
returns text language sql immutable as $$
    select case when p_starts_at < p_now - interval '1 minute' or p_ends_at <= greatest(p_starts_at, p_now) then 'in_past' end
$$;

-- When the minutes of a campaign count that has not begun.
create or replace function times_from(p_starts_at timestamptz, p_ends_at timestamptz, p_now timestamptz)
returns tstzmultirange language sql immutable as $$
    select tstzmultirange(tstzrange(greatest(p_starts_at, p_now), p_ends_at))
$$;

-- Milestones as an order has them: [{milestone, watched_seconds, repeats, reward, claim_within_seconds}, …].
create or replace function ordered_milestones(p_milestones jsonb)
returns table (milestone smallint, watched interval, is_repeated boolean, reward jsonb, claim_within interval)
language sql immutable as $$
    select milestone, make_interval(secs => watched_seconds), repeats, reward, make_interval(secs => claim_within_seconds)
      from jsonb_to_recordset(p_milestones) as m (
           milestone smallint, watched_seconds float8, repeats boolean, reward jsonb, claim_within_seconds float8)
$$;

-- Create a campaign: see `judge_campaigns`. The caller chooses the id. Returns
--   created
--   repeated  the same order came before; nothing changed
--   conflict  another campaign has this id; nothing changed
--   in_past   see `times_refusal`; nothing is written
-- p_resources null: all; p_is_each: a minute on two of them at once is two; p_starts_at null: now; p_ends_at null:
-- until it is ended; p_milestones: see `ordered_milestones`; p_fingerprint: of the order, to recognise a repeat.
create or replace function create_campaign(
    p_campaign_id uuid, p_resources text[], p_is_visible boolean, p_is_each boolean, p_starts_at timestamptz,
    p_ends_at timestamptz, p_milestones jsonb, p_fingerprint text default null, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    if times_refusal(p_starts_at, p_ends_at, v_now) is not null
       and not exists (select from campaigns c where c.campaign_id = p_campaign_id) then
        return times_refusal(p_starts_at, p_ends_at, v_now);
    end if;
    insert into campaigns (campaign_id, resources, is_visible, is_each, starts_at, ends_at, times, created_at, fingerprint)
        values (p_campaign_id, p_resources, p_is_visible, p_is_each, greatest(p_starts_at, v_now), p_ends_at,
                times_from(p_starts_at, p_ends_at, v_now), v_now, p_fingerprint)
        on conflict (campaign_id) do nothing;
    if not found then
        return (select case when c.fingerprint is not distinct from p_fingerprint then 'repeated' else 'conflict' end
                  from campaigns c where c.campaign_id = p_campaign_id);
    end if;
    insert into campaign_milestones (campaign_id, milestone, watched, is_repeated, reward, claim_within)
        select p_campaign_id, m.* from ordered_milestones(p_milestones) as m;
    return 'created';
end $$;
