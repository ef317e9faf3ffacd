-- News as the clients read it.
create or replace function news_json(p_news jsonb, p_seq bigint, p_at timestamptz, p_expires_at timestamptz)
returns jsonb language sql stable as $$
    select p_news || jsonb_build_object('seq', p_seq, 'at', ms(p_at), 'expires_at', ms(p_expires_at))
$$;
