-- How long the past parts of a session lasted since p_since; null: it has none. Only for a session that was there
-- before p_since, and has been away, this looks at its parts.
create or replace function watched_before(p_session watching_times, p_since timestamptz) returns interval
language sql stable as $$
    select case when p_since <= p_session.began_at
                then p_session.watched_before
                when p_since < p_session.away_since
                then (select sum(p.ended_at - greatest(p.joined_at, p_since)) from read_past(true) p
                       -- As a pair: see add_watch_totals.
                       where (p.user_id, p.ended_at) > (p_session.user_id, p_since)
                         and p.user_id <= p_session.user_id and p.id = p_session.id) end
$$;
