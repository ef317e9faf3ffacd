-- Tell users how far they are in a campaign: a broadcast of what they have watched by now. A later one takes the place of what
-- has not been pushed yet.
create or replace function tell_progress(p_campaign campaigns, p_user_ids text[], p_watched interval[], p_now timestamptz)
returns void language plpgsql as $$
declare
    v_broadcast_id uuid := gen_random_uuid();
begin
    insert into campaign_progress as p (campaign_id, user_id, told, told_by)
        select p_campaign.campaign_id, t.user_id, t.watched, v_broadcast_id
          from unnest(p_user_ids, p_watched) as t (user_id, watched)
        on conflict (campaign_id, user_id) do update set told = excluded.told, told_by = excluded.told_by;
    -- Within five minutes, or not at all: it would be wrong by then, and can be read.
    perform create_broadcast(v_broadcast_id, 'progress', null, null, null, 'users', null, p_now + interval '5 minutes', p_now);
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
