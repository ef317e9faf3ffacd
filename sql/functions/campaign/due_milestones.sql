-- The milestones that users have reached and were not awarded yet, and how often they have reached them by now: of the
-- users after p_after up to p_upto who are online, on any resource; or, to settle, of all.
-- What they have watched is what sessions that are finalized have added (as they were recorded: no correction takes an
-- award back), and what the others have run up by now.
create or replace function due_milestones(
    p_campaign campaigns, p_after text, p_upto text, p_settles boolean, p_now timestamptz
) returns table (user_id text, milestone smallint, nth integer) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
        with milestones as materialized (
            select m.milestone, m.watched, m.is_repeated from campaign_milestones m
             where m.campaign_id = p_campaign.campaign_id
        ),
        here as (
            -- At most so long: this counts a moment twice that two sessions have, and pauses. Most are not due, and need
            -- no more.
            select w.user_id::text,
                   sum(case when p_campaign.resources is not null and w.resource <> all (p_campaign.resources) then '0'
                            when p_campaign.is_visible and w.visible is not null
                            then visible_length(shown_times(w), starts_at, ends_at)
                            else greatest(ends_at - starts_at, '0') end) as at_most
              from watching_times w,
                   lateral (select greatest(w.joined_at, p_campaign.starts_at) as starts_at,
                                   least(coalesce(w.ended_at, p_now), p_campaign.ends_at) as ends_at) as each
             where w.user_id > p_after and w.user_id <= p_upto
             group by w.user_id having p_settles or bool_or(w.ended_at is null)
        ),
        away as (
            select p.user_id, interval '0' from campaign_progress p
             where p_settles and p.campaign_id = p_campaign.campaign_id and p.user_id > p_after and p.user_id <= p_upto
               and (select true from watching_times w where w.user_id = p.user_id limit 1) is null
        ),
        likely as (
            select e.user_id, coalesce(e.before, '0') as before, e.awarded
              -- One by one: a join could go through all progress of the campaign for each user.
              from (select h.user_id, h.at_most, p.watched as before, p.awarded
                      from (table here union all table away) as h
                           left join lateral (select g.watched, g.awarded from campaign_progress g
                                               where g.campaign_id = p_campaign.campaign_id and g.user_id = h.user_id
                                              offset 0) as p on true
                    offset 0) as e
             where exists (select from milestones m
                            where is_due(m.watched, m.is_repeated, e.awarded[m.milestone],
                                         coalesce(e.before, '0') + e.at_most))
        ),
        judged as materialized (
            select l.user_id, l.awarded, l.before + u.watched as watched
              from likely l,
                   unfinalized_of(l.user_id, p_campaign.resources, p_campaign.times, p_campaign.is_visible,
                                  p_campaign.is_each, p_now) as u
        )
        select j.user_id, m.milestone, times_reached(m.watched, m.is_repeated, j.watched)
          from judged j join milestones m on is_due(m.watched, m.is_repeated, j.awarded[m.milestone], j.watched);
end $$;

-- Whether a milestone is due after p_watched that was awarded so often.
create or replace function is_due(p_milestone interval, p_is_repeated boolean, p_awarded integer, p_watched interval)
returns boolean language sql immutable as $$
    select p_watched >= p_milestone * (coalesce(p_awarded, 0) + 1) and (p_is_repeated or coalesce(p_awarded, 0) = 0)
$$;

-- How often a milestone is reached after p_watched.
create or replace function times_reached(p_milestone interval, p_is_repeated boolean, p_watched interval)
returns integer language sql immutable as $$
    select case when p_is_repeated
                then floor(extract(epoch from p_watched) / extract(epoch from p_milestone))::integer
                else (p_watched >= p_milestone)::integer end
$$;
