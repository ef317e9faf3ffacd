-- Say when the user of a past session was there, instead of what is recorded or of the correction p_revision that is in
-- force (0: as recorded): from each of p_joined_at to the same of p_ended_at, in order and apart; none: the session did
-- not happen. The caller chooses the id. Whole milliseconds; one that a reader would take for a moment of the session
-- is that moment. Returns one row; outcome
--   created
--   repeated      the same order came before; nothing changed
--   and, with nothing written:
--   conflict      another order has this id
--   unknown       the user has no such past session
--   open          the session goes on, or may be continued: end it first
--   replaced      another revision is in force: in_force
--   in_future     it would end after now
--   far           it would begin or end more than a day outside of what is recorded
--   unchanged     this is in force already
--   overlaps      the user has another session on the resource then: other_session_id
-- p_fingerprint: of the order, to recognise a repeat.
create or replace function create_correction(
    p_correction_id uuid, p_user_id text, p_session_id bigint, p_revision integer, p_joined_at timestamptz[],
    p_ended_at timestamptz[], p_reason text, p_author text, p_fingerprint text, p_now timestamptz default null,
    out outcome text, out in_force integer, out other_session_id bigint
) language plpgsql as $$
declare
    v_now timestamptz;
    v_session correctable;
    v_times tstzmultirange;
begin
    v_now := lock_user(p_user_id, p_now);
    outcome := repeated_correction(p_correction_id, p_fingerprint);
    if outcome is not null then
        return;
    end if;
    -- One statement each: a session that is being finalized is in one of the two.
    perform from watching_times w where w.user_id = p_user_id and w.id = p_session_id;
    if found then
        outcome := 'open';
        return;
    end if;
    v_session := find_correctable(p_user_id, p_session_id);
    v_times := known_moments(p_joined_at, p_ended_at, v_session.moments);
    in_force := v_session.revision;
    other_session_id := session_beside(p_user_id, v_session.resource, p_session_id, v_times);
    outcome := case
        when v_session.joined_at is null then 'unknown'
        when in_force <> p_revision then 'replaced'
        when upper(v_times) > v_now then 'in_future'
        when lower(v_times) < v_session.joined_at - interval '24 hours'
          or upper(v_times) > v_session.ended_at + interval '24 hours' then 'far'
        when v_times is not distinct from v_session.times then 'unchanged'
        when other_session_id is not null then 'overlaps'
        else 'created' end;
    if outcome = 'created' then
        insert into corrections (correction_id, session_id, user_id, resource, revision, times, reason, author, at,
                                 last_month, fingerprint)
            values (p_correction_id, p_session_id, p_user_id, v_session.resource, in_force + 1,
                    coalesce(v_times, '{}'), p_reason, p_author, v_now,
                    month_of(greatest(v_session.last_at, upper(v_times))), p_fingerprint)
            on conflict (correction_id) do nothing;
        if found then
            in_force := in_force + 1;
            perform replace_session(p_user_id, p_session_id, v_session, v_times);
        else
            -- The order of another user, at the same moment.
            outcome := repeated_correction(p_correction_id, p_fingerprint);
        end if;
    end if;
end $$;

-- What an order with the id of a correction that there is comes to; null: there is none.
create or replace function repeated_correction(p_correction_id uuid, p_fingerprint text) returns text
language sql volatile as $$
    select case when fingerprint = p_fingerprint then 'repeated' else 'conflict' end
      from corrections where correction_id = p_correction_id
$$;
