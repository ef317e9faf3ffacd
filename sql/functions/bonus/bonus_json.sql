-- A bonus as the clients read it; p_outcome is what this user did with it, if anything.
create or replace function bonus_json(
    p_bonus_id uuid, p_reward jsonb, p_opens_at timestamptz, p_expires_at timestamptz, p_acknowledge boolean,
    p_outcome text
) returns jsonb language sql stable as $$
    select jsonb_build_object('bonus_id', p_bonus_id, 'reward', p_reward,
                              'opens_at', ms(p_opens_at), 'expires_at', ms(p_expires_at),
                              'outcome', p_outcome, 'acknowledge', p_acknowledge)
$$;

create or replace function bonus_json(p_bonus bonuses, p_outcome text) returns jsonb
language sql stable as $$
    select bonus_json(p_bonus.bonus_id, p_bonus.reward, p_bonus.opens_at, p_bonus.expires_at,
                      p_bonus.acknowledge, p_outcome)
$$;
