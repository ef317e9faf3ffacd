-- The state of a grant by its payout in force.
create or replace function state_of(p_payout payouts) returns text language sql immutable as $$
    select coalesce(p_payout.state, 'pending')
$$;

-- A payout as the HTTP API has it; null: there is none.
create or replace function payout_json(p_payout payouts) returns json language sql stable as $$
    select case when p_payout.payout_id is not null then
        json_build_object('payout_id', p_payout.payout_id, 'reason', p_payout.reason, 'gave_back', p_payout.gave_back,
                          'author', p_payout.author, 'at', ms(p_payout.at), 'revision', p_payout.revision) end
$$;
