-- Record that a device shows a bonus that asks for an acknowledgement: its user is not told again. Counts
-- for a bonus that is for this user, until it is over or cancelled. A repeat, any other bonus, or one that
-- does not ask for it changes nothing. Returns one row; outcome acked, slow_down or kept_out (see `spend`).
create or replace function ack(
    p_user_id text, p_bonus_id uuid,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null,
    out outcome text, out wait_ms integer
) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now, p_kind => 'ack');
    outcome := 'acked';
    if wait_ms <> 0 then
        outcome := outcome_of(wait_ms);
    else
        -- A power cut may lose it; then the user is told once more.
        perform set_config('synchronous_commit', 'off', true);
        insert into acks (bonus_id, user_id, at)
            select b.bonus_id, p_user_id, v_now from bonuses b
             where b.bonus_id = p_bonus_id and b.acknowledge
               and (select o.state from offer_of(b, p_user_id, false, false, v_now) as o)
                   in ('announced', 'not_yet', 'claimable')
            on conflict do nothing;
    end if;
end $$;
