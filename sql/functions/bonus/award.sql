-- Award each open session that has reached its next award of a rule: one bonus per rule, offered to all
-- of its users at once, none twice. Several intervals at once are one award. Returns how many bonuses
-- that made: 0 when nothing is due.
-- At most p_limit sessions per rule and call, those with the oldest last award first.
create or replace function award(p_limit integer, p_now timestamptz default null) returns integer
language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_rule award_rules;
    v_bonus_id uuid;
    v_due jsonb;
    v_made integer := 0;
begin
    for v_rule in
        select * from award_rules r where r.ended_at is null order by r.rule_id for update skip locked
    loop
        with watching as (
            -- As if it had begun later by what its outages took.
            select w.id, w.user_id, coalesce(a.nth, 0) as last_nth,
                   greatest(w.joined_at, v_rule.created_at)
                   - coalesce(case when w.watched_before is not null
                                   then watched_before(w, v_rule.created_at) end, '0') as since
              from watching_times w
                   left join awards a on a.rule_id = v_rule.rule_id and a.session_id = w.id
             where w.ended_at is null and (v_rule.resource is null or w.resource = v_rule.resource)
        ),
        reached as (
            select *, floor(extract(epoch from v_now - since) / extract(epoch from v_rule.every)) as nth
              from watching
        )
        select jsonb_agg(due) into v_due from (
            select id, user_id, nth::bigint from reached where nth > last_nth
             order by since + last_nth * v_rule.every limit p_limit) as due;
        continue when v_due is null;
        v_bonus_id := gen_random_uuid();
        perform create_bonus(
            v_bonus_id, v_rule.reward, 'users', null,
            array(select d ->> 'user_id' from jsonb_array_elements(v_due) d),
            interval '0', v_rule.claim_within, null, null,
            p_acknowledge => true, p_rule_id => v_rule.rule_id, p_now => v_now);
        insert into awards (rule_id, session_id, nth)
            select v_rule.rule_id, (d ->> 'id')::bigint, (d ->> 'nth')::bigint
              from jsonb_array_elements(v_due) d
            on conflict (session_id, rule_id) do update set nth = excluded.nth;
        v_made := v_made + 1;
    end loop;
    return v_made;
end $$;
