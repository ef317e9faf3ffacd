-- Until when the lost lines of a session may come back; null: it has lost none. p_back_by: the same before
-- one more connection ended. It counts from the moment when that one was gone for certain, because
-- its client may have begun to wait then.
create or replace function back_by(
    p_back_by timestamptz, p_ended_by ending, p_gone_by timestamptz, p_now timestamptz
) returns timestamptz language sql stable as $$
    -- Not later than all that is stored now could be: the clock may have gone back.
    select greatest(case when p_back_by is not null then least(p_back_by, p_now + wait_for_lost) end,
                    case when is_lost(p_ended_by) then p_gone_by + wait_for_lost end)
      from line_limits
$$;

-- Until when the server waits for a lost line by now, if that is longer than when it closed the session; else null. What was
-- said then is stored (back_by), for it is read more often than it changes. Null, too, if the session ended later than
-- now: the clock has gone back.
create or replace function lost_until(p_session watching_times, p_now timestamptz) returns timestamptz
language sql stable as $$
    select until from line_limits, lateral (select p_session.ended_at + p_session.ended_within + wait_for_lost as until) as l
     where is_lost(p_session.ended_by) and p_session.ended_at <= p_now and until > p_session.back_by
$$;
