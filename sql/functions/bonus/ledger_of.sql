-- A user's bonus history, newest first: what they were offered and have claimed, and bonuses that are for them because
-- they watch (see `offer_of`): for everyone, or for the resource. At most 20 entries below p_before (an id; null: from the
-- newest): 20 rewards fit into one message.
-- Returns one row; outcome listed, slow_down or kept_out (see `spend`); entries [{id, entry, bonus_id,
-- reward, at, reason}]; reason: of a payout, if it has one; next: the p_before of the next page, null after the last.
create or replace function ledger_of(
    p_user_id text, p_before bigint default null,
    p_gap interval default '0', p_burst integer default 1, p_keep_out interval default '1 minute',
    p_now timestamptz default null
) returns table (outcome text, wait_ms integer, server_now bigint, entries json, next bigint)
language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_before bigint := coalesce(p_before, 9223372036854775807);
begin
    wait_ms := spend(p_user_id, p_gap, p_burst, p_keep_out, v_now);
    if wait_ms <> 0 then
        return query select outcome_of(wait_ms), wait_ms, ms(v_now), null::json, null::bigint;
        return;
    end if;
    with mine as (
        select l.id, l.entry, l.bonus_id, l.at, l.payout_revision from ledger l
         where l.user_id = p_user_id and l.id < v_before order by l.id desc limit 20
    ),
    everyones as (
        select l.id, l.entry, l.bonus_id, l.at, l.payout_revision from ledger l
         where l.audience = 'everyone' and l.id < v_before
           and exists (select from watching_times w where w.user_id = p_user_id and w.ended_at is null)
         order by l.id desc limit 20
    ),
    watched as (
        select r.* from watching_times w, lateral (
                select l.id, l.entry, l.bonus_id, l.at, l.payout_revision from ledger l
                 where l.audience = 'resource' and l.resource = w.resource and l.id < v_before
                 order by l.id desc limit 20) as r
         where w.user_id = p_user_id and w.ended_at is null
    ),
    page as (
        select * from (table mine union all table everyones union all table watched) as theirs
         order by id desc limit 20
    )
    select 'listed', 0, ms(v_now),
           coalesce(json_agg(json_build_object('id', p.id, 'entry', p.entry, 'bonus_id', p.bonus_id,
                                               'reward', b.reward, 'at', ms(p.at), 'reason', o.reason)
                             order by p.id desc), '[]'),
           case when count(*) = 20 then min(p.id) end
      into outcome, wait_ms, server_now, entries, next
      from page p join bonuses b using (bonus_id)
           left join payouts o on o.bonus_id = p.bonus_id and o.user_id = p_user_id and o.revision = p.payout_revision;
    perform charge(p_user_id, p_gap, cost_of(1, octet_length(entries::text)));
    return next;
end $$;
