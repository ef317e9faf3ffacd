-- What a welcome says of broadcasts: {seq, news, recovered}. seq: the head of their stream. news: those after
-- p_since (null: from the start) that are not over, for everyone or for this resource (null: none); at most 20
-- and 16 KB, the latest, in order. recovered: these are all of them. It looks at the latest 100 for each audience,
-- as far back as it takes for 20, and says false if there are more. Not those that are cancelled; that they are is news
-- to a client that has a p_since, for it may have seen them.
create or replace function news_of(p_resource text, p_since bigint, p_now timestamptz) returns json
language plpgsql stable as $$
declare
    v_seq bigint;
    v_has_any boolean;
begin
    -- Most of the time there is none, and asking so costs a tenth of what it saves.
    select s.seq, exists (select from broadcasts b
                           where b.kind = 'news' and b.audience = 'everyone' and b.seq > coalesce(p_since, 0))
                  or exists (select from broadcasts b
                              where b.kind = 'news' and b.audience = 'resource' and b.resource = p_resource
                                and b.seq > coalesce(p_since, 0))
      into v_seq, v_has_any from broadcast_stream s;
    if not v_has_any then
        return json_build_object('seq', v_seq, 'news', '[]'::json, 'recovered', true);
    end if;
    return (
        with latest as (
            select seq, at, expires_at, news from (
                (select b.seq, b.at, b.expires_at, b.news from broadcasts b
                  where b.kind = 'news' and b.audience = 'everyone' and b.seq > coalesce(p_since, 0)
                    and b.cancelled_at is null and (p_since > 0 or not b.news ? 'cancels')
                  order by b.seq desc limit 100)
                union all
                (select b.seq, b.at, b.expires_at, b.news from broadcasts b
                  where b.kind = 'news' and b.audience = 'resource' and b.resource = p_resource
                    and b.seq > coalesce(p_since, 0)
                    and b.cancelled_at is null and (p_since > 0 or not b.news ? 'cancels')
                  order by b.seq desc limit 100)) as of_each
             order by seq desc
        ),
        unexpired as (
            select seq, to_json(news_json(news, seq, at, expires_at)) as news
              from latest where expires_at > p_now order by seq desc limit 21
        ),
        measured as (
            select seq, news, row_number() over latest_first as n,
                   sum(octet_length(news::text)) over latest_first as bytes
              from unexpired window latest_first as (order by seq desc)
        )
        select json_build_object(
                   'seq', v_seq,
                   'news', coalesce(json_agg(news order by seq) filter (where n <= 20 and bytes <= 16384), '[]'),
                   'recovered', coalesce(bool_and(n <= 20 and bytes <= 16384), true)
                                and (select count(*) < 100 from latest))
          from measured);
end $$;
