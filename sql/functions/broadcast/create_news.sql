-- Create news for an audience, until they expire. The caller chooses the id. Returns created, repeated or
-- conflict, as create_bonus does.
create or replace function create_news(
    p_broadcast_id uuid, p_news jsonb, p_audience text, p_resource text, p_good_for interval,
    p_fingerprint text, p_now timestamptz default null
) returns text language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    perform prefer_indexes();
    -- One at a time, before the check: the second call sees what the first made.
    perform from broadcast_stream for update;
    if exists (select from broadcasts b where b.broadcast_id = p_broadcast_id) then
        return (select case when b.fingerprint is not distinct from p_fingerprint then 'repeated'
                            else 'conflict' end
                  from broadcasts b where b.broadcast_id = p_broadcast_id);
    end if;
    perform create_broadcast(p_broadcast_id, 'news', null, p_news, p_fingerprint, p_audience, p_resource,
                             v_now + p_good_for, v_now);
    return 'created';
end $$;
