-- Every open session that has reached its next award of a rule gets it: one bonus per rule, offered
-- to all of its users at once, none twice. Returns the new bonuses.
-- At most p_limit sessions per rule and call, those first who have waited longest.
create or replace function award(p_limit integer, p_now timestamptz default null)
returns table (bonus_id uuid) language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_rule award_rules;
    v_due jsonb;
begin
    for v_rule in select * from award_rules r order by r.rule_id for update skip locked loop
        select jsonb_agg(due) into v_due from (
            select w.id, w.user_id, floor(extract(epoch from v_now - greatest(w.join_at, v_rule.created_at))
                                          / extract(epoch from v_rule.every))::bigint as nth
              from watching_times w
             where w.terminate_at is null and (v_rule.resource is null or w.resource = v_rule.resource)
               and greatest(w.join_at, v_rule.created_at) <= v_now - v_rule.every
               and not exists (
                   select from awards a where a.rule_id = v_rule.rule_id and a.session_id = w.id
                      and a.nth >= floor(extract(epoch from v_now - greatest(w.join_at, v_rule.created_at))
                                         / extract(epoch from v_rule.every)))
             order by w.join_at limit p_limit) as due;
        continue when v_due is null;
        bonus_id := create_bonus(
            v_rule.reward, 'users', null, array(select d ->> 'user_id' from jsonb_array_elements(v_due) d),
            interval '0', v_rule.claim_within, null, null, v_rule.rule_id, v_now);
        insert into awards (rule_id, session_id, nth, bonus_id)
            select v_rule.rule_id, (d ->> 'id')::bigint, (d ->> 'nth')::bigint, award.bonus_id
              from jsonb_array_elements(v_due) d;
        return next;
    end loop;
end $$;
