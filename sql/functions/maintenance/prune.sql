-- Remove what is no longer needed, at most p_limit of each: used tickets that can open nothing, events and
-- acknowledgements older than p_keep_events, broadcasts whose end is as long ago and the offers of their
-- bonuses, presence events older than p_keep_presence_events, grants, draws, questions, reveals and bonuses whose end is
-- p_keep_bonuses ago, limits of idle users, old entries of the audit. Returns how many of each but the last; a p_limit
-- among them says that there may be more.
-- One at a time: a call beside another one finds nothing to do.
create or replace function prune(
    p_keep_events interval, p_keep_presence_events interval, p_keep_bonuses interval, p_limit integer,
    p_now timestamptz default null,
    out tickets bigint, out events bigint, out acks bigint, out offers bigint, out broadcasts bigint,
    out presence_events bigint, out grants bigint, out bonuses bigint, out awards bigint, out limits bigint,
    out candidates bigint, out answers bigint
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    select 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
      into tickets, events, acks, offers, broadcasts, presence_events, grants, bonuses, awards, limits, candidates, answers;
    if not pg_try_advisory_xact_lock(hashtextextended('prune', 1)) then
        return;
    end if;
    awards := prune_progress(p_limit, v_now);
    perform prefer_indexes();
    delete from used_tickets where ctid = any (array(
        select t.ctid from used_tickets t where t.expires_at < v_now - interval '2 minutes' limit p_limit));
    get diagnostics tickets = row_count;
    delete from user_events where ctid = any (array(
        select e.ctid from user_events e where e.at < v_now - p_keep_events order by e.at limit p_limit));
    get diagnostics events = row_count;
    delete from acks where ctid = any (array(
        select a.ctid from acks a where a.at < v_now - p_keep_events order by a.at limit p_limit));
    get diagnostics acks = row_count;
    select * into offers, broadcasts from prune_broadcasts(v_now - p_keep_events, p_limit);
    presence_events := prune_presence_events(v_now - p_keep_presence_events, p_limit, v_now);
    candidates := prune_draws(v_now - p_keep_bonuses, p_limit);
    answers := prune_questions(v_now - p_keep_bonuses, p_limit);
    -- Few: an operator has ordered each.
    delete from reveals where ctid = any (array(
        select r.ctid from reveals r where r.reveals_at < v_now - p_keep_bonuses order by r.reveals_at limit p_limit));
    select * into grants, bonuses from prune_bonuses(v_now - p_keep_bonuses, p_limit, v_now);
    delete from user_limits where ctid = any (array(
        select l.ctid from user_limits l where l.free_at < v_now - interval '1 minute' limit p_limit));
    get diagnostics limits = row_count;
    -- As many as there were resources that pages showed; the next page that shows one makes it again.
    delete from audience_samples where sampled_at < v_now - interval '1 hour';
    perform prune_audit(p_limit, v_now);
end $$;
