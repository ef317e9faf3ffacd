-- A bonus as the clients read it; p_outcome is what this user did with it, if anything, p_progress see `progress_of`, left
-- `left_step`.
create or replace function bonus_json(p_bonus bonuses, p_outcome text, p_progress jsonb default null) returns jsonb
language sql stable as $$
    select jsonb_build_object('bonus_id', p_bonus.bonus_id, 'reward', p_bonus.reward,
                              'opens_at', ms(p_bonus.opens_at), 'expires_at', ms(p_bonus.expires_at),
                              'outcome', p_outcome, 'acknowledge', p_bonus.acknowledge, 'progress', p_progress,
                              'left', case when p_bonus.stock is not null
                                           then left_step(p_bonus.stock, left_of(p_bonus)) end)
$$;
