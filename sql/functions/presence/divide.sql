-- Divide a session by the times longer than p_grace for which none of its connections is known to have been
-- here. p_evidence: the times for which one is. A connection that ended by p_ended_by may have been here for any
-- part of them. The caller holds the user's lock.
-- Such a time shows itself late: while a dead connection is listed, its user comes back beside it.
create or replace function divide(
    p_user_id text, p_resource text, p_evidence tstzmultirange, p_ended_by ending, p_grace interval
) returns void language plpgsql as $$
declare
    v_outage record;
begin
    for v_outage in
        select left_at, back_at
          from (select lag(upper(known)) over (order by known) as left_at, lower(known) as back_at
                  from unnest(p_evidence) as known) as between_two
         where back_at > left_at + p_grace order by back_at
    loop
        perform begin_part(p_user_id, p_resource, v_outage.left_at, p_ended_by,
                           v_outage.back_at - v_outage.left_at, v_outage.back_at);
    end loop;
end $$;
