-- Create a reveal, tell its sealed content, and schedule its key: so early that all of the audience can be told, and have
-- asked for the time once more, at p_per_second pushes a second. The caller chooses the ids, and seals. outcome
--   created
--   repeated   the same order came before; nothing changed
--   conflict   another order, or news, has this id; nothing changed
--   too_soon   the key would have to be told before now; nothing is written. lead_ms: how long before
-- p_reveals_at: instead of p_reveals_in, which counts from now.
create or replace function create_reveal(
    p_reveal_id uuid, p_content jsonb, p_sealed text, p_key text, p_audience text, p_resource text,
    p_reveals_in interval, p_reveals_at timestamptz, p_per_second integer, p_key_id uuid, p_fingerprint text,
    p_now timestamptz default null, out outcome text, out connections bigint, out lead_ms bigint
) language plpgsql as $$
declare
    v_known reveals;
    v_now timestamptz;
    v_reveals_at timestamptz;
begin
    perform prefer_indexes(), lock_reveal(p_reveal_id);
    v_now := coalesce(p_now, clock_timestamp());
    v_reveals_at := coalesce(p_reveals_at, v_now + p_reveals_in);
    connections := count_present(p_resource);
    -- A push to each and two questions from each (client/src/show.js); then some seconds, for the last of them and for a worker that comes late.
    lead_ms := 4000 + 3 * 1000 * connections / p_per_second;
    select * into v_known from reveals where reveal_id = p_reveal_id;
    outcome := case
        when v_known.reveal_id is not null and v_known.fingerprint is not distinct from p_fingerprint then 'repeated'
        when v_known.reveal_id is not null
             or exists (select from broadcasts where broadcast_id = p_reveal_id) then 'conflict'
        when v_reveals_at - lead_ms * interval '1 millisecond' < v_now then 'too_soon'
        else 'created' end;
    if outcome <> 'created' then
        return;
    end if;
    insert into reveals (reveal_id, content, sealed, key, key_id, audience, resource, connections, reveals_at, key_at,
                         fingerprint, created_at)
        values (p_reveal_id, p_content, p_sealed, p_key, p_key_id, p_audience, p_resource, connections, v_reveals_at,
                v_reveals_at - lead_ms * interval '1 millisecond', p_fingerprint, v_now)
        returning * into v_known;
    perform create_broadcast(
        p_reveal_id, 'news', null,
        jsonb_build_object('type', 'reveal.sealed', 'body', jsonb_build_object(
            'reveal_id', p_reveal_id, 'reveals_at', ms(v_reveals_at), 'sealed', p_sealed)),
        null, p_audience, p_resource, shown_until(v_known), v_now);
    insert into scheduled_broadcasts (broadcast_id, step, subject_id, due_at)
        values (p_key_id, 'key', p_reveal_id, v_known.key_at);
end $$;

-- Keep all else out that changes a reveal, until the transaction ends.
create or replace function lock_reveal(p_reveal_id uuid) returns void
language sql volatile as $$ select pg_advisory_xact_lock(hashtextextended(p_reveal_id::text, 3)) $$;
