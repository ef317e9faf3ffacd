-- Note what users were awarded, p_milestones[n] to p_user_ids[n] as reached p_nths[n] times; and tell those with null there how far
-- they are: a broadcast of what they have watched by now, p_watched[n]. A later one takes the place of what has not been pushed
-- yet. Each row is written once, and in one order, so that no two callers can deadlock.
create or replace function note_progress(
    p_campaign campaigns, p_user_ids text[], p_milestones smallint[], p_nths integer[], p_watched interval[], p_now timestamptz
) returns void language plpgsql as $$
declare
    v_timezone text := coalesce(p_campaign.timezone, 'UTC');
    v_broadcast_id uuid := case when array_position(p_milestones, null) is not null then gen_random_uuid() end;
begin
    insert into campaign_progress as p (campaign_id, user_id, awarded, awards, awards_of_day, last_award_at, told, told_by)
        select p_campaign.campaign_id, d.user_id,
               case when count(d.milestone) = 0 then '{}'
                    else awards_of(array_agg(d.milestone), array_agg(d.nth)) end,
               count(d.milestone), count(d.milestone), case when count(d.milestone) > 0 then p_now end,
               coalesce(max(d.watched) filter (where d.milestone is null), '0'),
               case when bool_or(d.milestone is null) then v_broadcast_id end
          from unnest(p_user_ids, p_milestones, p_nths, p_watched) as d (user_id, milestone, nth, watched)
         group by d.user_id order by d.user_id
        on conflict (campaign_id, user_id) do update
           set awarded = case when excluded.awards = 0 then p.awarded else with_awards(p.awarded, excluded.awarded) end,
               awards = p.awards + excluded.awards,
               awards_of_day = case when excluded.awards = 0 then p.awards_of_day
                                    when day_of(p.last_award_at, v_timezone) >= day_of(p_now, v_timezone)
                                    then p.awards_of_day + excluded.awards else excluded.awards end,
               last_award_at = greatest(p.last_award_at, excluded.last_award_at),
               told = case when excluded.told_by is null then p.told else excluded.told end,
               told_by = coalesce(excluded.told_by, p.told_by);
    if v_broadcast_id is not null then
        -- Within five minutes, or not at all: it would be wrong by then, and can be read.
        perform create_broadcast(v_broadcast_id, 'progress', null, null, null, 'users', null, p_now + interval '5 minutes', p_now);
    end if;
end $$;

-- How often milestones were awarded, by their number: null of the others. p_nths: of each of p_milestones.
create or replace function awards_of(p_milestones smallint[], p_nths integer[]) returns integer[]
language plpgsql immutable as $$
declare
    v_awarded integer[] := '{}';
begin
    for n in 1 .. cardinality(p_milestones) loop
        if p_milestones[n] is not null then
            v_awarded[p_milestones[n]] := p_nths[n];
        end if;
    end loop;
    return v_awarded;
end $$;

-- The same with those of p_more in their place.
create or replace function with_awards(p_awarded integer[], p_more integer[]) returns integer[]
language plpgsql immutable as $$
declare
    v_awarded integer[] := p_awarded;
begin
    for n in coalesce(array_lower(p_more, 1), 1) .. coalesce(array_upper(p_more, 1), 0) loop
        if p_more[n] is not null then
            v_awarded[n] := p_more[n];
        end if;
    end loop;
    return v_awarded;
end $$;

-- The users of a broadcast of progress after p_after, at most p_limit, and what each is told: {campaign_id, watched_ms}. As a
-- pair with an upper bound: only the index by broadcasts can answer that.
create or replace function told_progress(p_broadcast_id uuid, p_after text, p_limit integer)
returns table (user_id text, progress jsonb) language sql stable as $$
    select p.user_id, jsonb_build_object('campaign_id', p.campaign_id, 'watched_ms', milliseconds(p.told))
      from campaign_progress p
     where (p.told_by, p.user_id) > (p_broadcast_id, p_after) and p.told_by <= p_broadcast_id
     order by p.told_by, p.user_id limit p_limit
$$;
