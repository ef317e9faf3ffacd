-- Create a broadcast and its place in the stream of broadcasts, unless it is for listed users. The
-- counter's row is locked until the commit, so seq is gap-free and follows the order of commits.
create or replace function create_broadcast(
    p_broadcast_id uuid, p_kind text, p_bonus_id uuid, p_news jsonb, p_fingerprint text,
    p_audience text, p_resource text, p_expires_at timestamptz, p_now timestamptz
) returns void language plpgsql as $$
declare
    v_seq bigint;
    v_begins_after bigint;
begin
    if p_audience <> 'users' then
        update broadcast_stream set seq = seq + 1 returning seq, begins_after into v_seq, v_begins_after;
    end if;
    insert into broadcasts (broadcast_id, kind, bonus_id, news, fingerprint, audience, resource, seq,
                            follows, at, expires_at)
        values (p_broadcast_id, p_kind, p_bonus_id, p_news, p_fingerprint, p_audience, p_resource, v_seq,
                case when p_audience <> 'users' then greatest(
                    (select max(b.seq) from broadcasts b
                      where b.audience = p_audience and b.resource is not distinct from p_resource),
                    v_begins_after) end,
                p_now, p_expires_at);
end $$;
