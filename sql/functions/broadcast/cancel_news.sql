-- Cancel news: it is pushed no further, and no welcome has it. Its audience is told by news of its own, p_cancel_id, whose
-- `cancels` is its seq: an empty body, since those who missed the one need nothing of the other.
-- Returns cancelled; already_cancelled or expired if nothing changed; null if there is no such news.
-- A type with a dot is the server's own, of a question or a reveal, which are cancelled as what they are.
create or replace function cancel_news(
    p_broadcast_id uuid, p_cancel_id uuid, p_now timestamptz default null
) returns text language sql as $$
    select case when exists (select from broadcasts b
                              where b.broadcast_id = p_broadcast_id and b.news ->> 'type' not like '%.%')
                then recall_news(p_broadcast_id, p_cancel_id, p_now) end
$$;

-- The same for news of any type.
create or replace function recall_news(p_broadcast_id uuid, p_cancel_id uuid, p_now timestamptz) returns text
language plpgsql as $$
declare
    v_now timestamptz;
    v_news broadcasts;
begin
    perform prefer_indexes();
    -- One at a time, as in create_news.
    perform from broadcast_stream for update;
    v_now := coalesce(p_now, clock_timestamp());
    select * into v_news from broadcasts b
     where b.broadcast_id = p_broadcast_id and b.kind = 'news' and not b.news ? 'cancels';
    if not found or v_news.cancelled_at is not null then
        return case when found then 'already_cancelled' end;
    end if;
    if v_now >= v_news.expires_at then
        return 'expired';
    end if;
    update broadcasts set cancelled_at = v_now where broadcast_id = p_broadcast_id;
    perform create_broadcast(
        p_cancel_id, 'news', null,
        jsonb_build_object('type', v_news.news -> 'type', 'body', '{}'::jsonb, 'cancels', v_news.seq),
        null, v_news.audience, v_news.resource, v_news.expires_at, v_now);
    return 'cancelled';
end $$;
