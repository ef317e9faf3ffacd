-- A bonus as the clients of the release before read it.
create or replace function bonus_json(
    p_bonus_id uuid, p_reward jsonb, p_opens_at timestamptz, p_expires_at timestamptz, p_acknowledge boolean,
    p_outcome text
) returns jsonb language sql stable as $$
    select jsonb_build_object('bonus_id', p_bonus_id, 'reward', p_reward,
                              'opens_at', ms(p_opens_at), 'expires_at', ms(p_expires_at),
                              'outcome', p_outcome, 'acknowledge', p_acknowledge)
$$;
