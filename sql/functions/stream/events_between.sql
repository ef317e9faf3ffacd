-- The events of a user's stream behind p_after, up to p_upto, as a client is told them: the latest 100, and 48 KB of
-- those. shown: how many; list: in order, a text early because it is measured here, and sent.
create or replace function events_between(
    p_user_id text, p_after bigint, p_upto bigint, out shown bigint, out list json
) language sql stable as $$
    with latest as (
        select seq, event, sum(octet_length(event::text)) over (order by seq desc) as bytes
          from (select e.seq, to_json(event_json(e)) as event
                  from user_events e
                 where e.user_id = p_user_id and e.seq > p_after and e.seq <= p_upto
                 order by e.seq desc limit 100) as newest
    )
    select count(*), coalesce(json_agg(event order by seq), '[]') from latest where bytes <= 49152
$$;
