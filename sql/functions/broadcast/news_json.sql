-- News as the clients read it.
create or replace function news_json(p_broadcast broadcasts) returns jsonb
language sql stable as $$
    select p_broadcast.news || jsonb_build_object('seq', p_broadcast.seq, 'at', ms(p_broadcast.at),
                                                  'expires_at', ms(p_broadcast.expires_at))
$$;
