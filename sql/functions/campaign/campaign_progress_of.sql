-- How far a user is in a campaign by now. One row, or none if there is no such campaign:
--   watched_ms  how long they have watched for it
--   milestones  [{milestone, watched_seconds, repeats, awarded}, …], the first to be reached first; awarded: how often
--               it was reached when the user was judged last
create or replace function campaign_progress_of(p_campaign_id uuid, p_user_id text, p_now timestamptz default null)
returns table (watched_ms bigint, milestones json, server_now bigint) language plpgsql stable as $$
#variable_conflict use_column
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    perform prefer_indexes();
    return query
        select milliseconds(coalesce(p.watched, '0') + u.watched),
               (select json_agg(json_build_object(
                           'milestone', m.milestone, 'watched_seconds', extract(epoch from m.watched)::float8,
                           'repeats', m.is_repeated, 'awarded', coalesce(p.awarded[m.milestone], 0))
                           order by m.watched, m.milestone)
                  from campaign_milestones m where m.campaign_id = c.campaign_id),
               ms(v_now)
          from campaigns c left join campaign_progress p on p.campaign_id = c.campaign_id and p.user_id = p_user_id,
               unfinalized_of(p_user_id, c.resources, c.times, c.is_visible, c.is_each, v_now) as u
         where c.campaign_id = p_campaign_id;
end $$;
