-- Put a correction in force, whose entry is written: the rows that it replaces stay and name it, and its own stand
-- beside them. Its ends are certain. What was visible is as recorded. The caller holds the user's lock.
create or replace function replace_session(
    p_user_id text, p_session_id bigint, p_session correctable, p_times tstzmultirange
) returns void language plpgsql as $$
declare
    v_revision constant integer := p_session.revision + 1;
begin
    -- An uncertain end may have been two hours later.
    perform roll_up_again(min(moment), max(moment) + interval '2 hours')
       from unnest(p_session.moments || array[lower(p_times), upper(p_times)]) as moment;
    perform correct_totals(p_user_id, p_session.resource, p_session_id, p_session.times, p_times,
                           p_session.visible);
    update past_sessions p set replaced_by = v_revision
     where p.user_id = p_user_id and p.id = p_session_id and p.replaced_by is null;
    insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since,
                               visible, revision)
        select p_session_id, p_user_id, p_session.resource, lower(one), upper(one),
               case when upper(one) = upper(p_times) then p_session.ended_by else 'divided' end, interval '0',
               lag(upper(one)) over (order by one),
               nullif(p_session.visible * tstzmultirange(one), tstzmultirange(one)), v_revision
          from unnest(p_times) as one;
end $$;
