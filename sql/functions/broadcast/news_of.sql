-- The news that a welcome brings: {news, recovered}. news: those after p_since (null: from the start) that are
-- not over, for everyone or for this resource (null: none); at most 20 and 16 KB, the latest, in order.
-- recovered: these are all of them. It looks at the latest 100 for each audience and says false if there are more.
create or replace function news_of(p_resource text, p_since bigint, p_now timestamptz) returns jsonb
language plpgsql stable as $$
begin
    return (
        with latest as (
            (select b.broadcast_id, b.seq, b.expires_at from broadcasts b
              where b.kind = 'news' and b.audience = 'everyone' and b.seq > coalesce(p_since, 0)
              order by b.seq desc limit 100)
            union all
            (select b.broadcast_id, b.seq, b.expires_at from broadcasts b
              where b.kind = 'news' and b.audience = 'resource' and b.resource = p_resource
                and b.seq > coalesce(p_since, 0)
              order by b.seq desc limit 100)
        ),
        unexpired as (
            select broadcast_id from latest where expires_at > p_now order by seq desc limit 21
        ),
        measured as (
            select b.seq, news_json(b) as news, row_number() over (order by b.seq desc) as n,
                   sum(octet_length(b.news::text) + 100) over (order by b.seq desc) as bytes
              from unexpired join broadcasts b using (broadcast_id)
        )
        select jsonb_build_object(
                   'news', coalesce(jsonb_agg(news order by seq) filter (where n <= 20 and bytes <= 16384), '[]'),
                   'recovered', coalesce(bool_and(n <= 20 and bytes <= 16384), true)
                                and (select count(*) < 100 from latest))
          from measured);
end $$;
