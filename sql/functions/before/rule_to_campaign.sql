-- What the release before writes of an award rule becomes a campaign: of one milestone, which repeats.
create or replace function rule_to_campaign() returns trigger language plpgsql as $$
begin
    insert into campaigns as c (campaign_id, resources, is_visible, is_each, starts_at, ends_at, times, created_at, fingerprint)
        values (new.rule_id, case when new.resource is not null then array[new.resource] end, new.is_visible, false,
                new.created_at, new.ended_at,
                tstzmultirange(tstzrange(new.created_at, case when new.ended_at is not null
                                                         then greatest(new.created_at, new.ended_at) end)),
                new.created_at, new.fingerprint)
        on conflict (campaign_id) do update
           set ends_at = excluded.ends_at, times = c.times * excluded.times
         where c.ends_at is null and excluded.ends_at is not null;
    insert into campaign_milestones (campaign_id, milestone, watched, is_repeated, reward, claim_within)
        values (new.rule_id, 1, new.every, true, new.reward, new.claim_within)
        on conflict (campaign_id, milestone) do nothing;
    return null;
end $$;
