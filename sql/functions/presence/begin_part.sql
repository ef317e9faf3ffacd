-- Divide a session by an outage: what came before it is past, and the session goes on from p_back_at under the
-- same id. p_within: how much later than p_left_at the outage may have begun. An outage of no length divides one
-- that keeps too much (see `note_visibility`). The caller holds the user's lock.
-- A connection keeps milliseconds of when it opened, a session microseconds: so p_left_at may seem to be before
-- the session began, by less than one.
create or replace function begin_part(
    p_user_id text, p_resource text, p_left_at timestamptz, p_ended_by ending, p_within interval,
    p_back_at timestamptz
) returns void language sql as $$
    insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible)
        select id, user_id, resource, joined_at, greatest(joined_at, p_left_at), p_ended_by, p_within, away_since,
               visible_within(w, p_left_at)
          from watching_times w where user_id = p_user_id and resource = p_resource;
    update watching_times
       set began_at = coalesce(began_at, joined_at), joined_at = p_back_at,
           away_since = greatest(joined_at, p_left_at),
           watched_before = coalesce(watched_before, '0') + (greatest(joined_at, p_left_at) - joined_at),
           evidence = evidence * tstzmultirange(tstzrange(p_back_at, null)),
           visible = visible * tstzmultirange(tstzrange(p_back_at, null))
     where user_id = p_user_id and resource = p_resource;
$$;
