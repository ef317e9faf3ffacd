-- What a broadcast says, as its recipients read it: see broadcast_page.
create or replace function broadcast_content(
    p_broadcast broadcasts, p_bonus bonuses, p_now timestamptz,
    out expires_at bigint, out age_ms bigint, out kind text, out epoch uuid, out broadcast jsonb,
    out bonus jsonb, out news jsonb
) language sql stable as $$
    select ms(p_broadcast.expires_at), milliseconds(p_now - p_broadcast.at), p_broadcast.kind, e.epoch,
           case when p_broadcast.seq is not null then
               jsonb_build_object('seq', p_broadcast.seq, 'follows', p_broadcast.follows) end,
           case when p_bonus.bonus_id is not null then
               bonus_json(p_bonus, case when p_broadcast.kind = 'cancel' then 'cancelled'
                                        when is_sold_out(p_bonus) then 'sold_out' end) end,
           case when p_broadcast.kind = 'news' then
               news_json(p_broadcast.news, p_broadcast.seq, p_broadcast.at, p_broadcast.expires_at) end
      from stream_epoch e
$$;
