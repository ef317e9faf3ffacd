-- Award the users who have reached their next award of a rule: one bonus per rule, offered to all of them at once,
-- none twice. Several intervals at once are one award. Returns how many bonuses that made: 0 when nothing is due.
-- At most p_limit users per rule and call.
create or replace function award(p_limit integer, p_now timestamptz default null) returns integer
language plpgsql as $$
declare
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_rule award_rules;
    v_bonus_id uuid;
    v_user_ids text[];
    v_nths bigint[];
    v_made integer := 0;
begin
    for v_rule in
        select * from award_rules r where r.ended_at is null order by r.rule_id for update skip locked
    loop
        -- The tables grow by a crowd within a minute: each time a plan for what is there now, and by indexes, for the
        -- planner may think that there is nothing.
        perform prefer_indexes();
        perform set_config('plan_cache_mode', 'force_custom_plan', true);
        select array_agg(d.user_id), array_agg(d.nth) into v_user_ids, v_nths
          from due_awards(v_rule, p_limit, v_now) d;
        continue when v_user_ids is null;
        v_bonus_id := gen_random_uuid();
        perform create_bonus(
            v_bonus_id, v_rule.reward, 'users', null, v_user_ids, interval '0', v_rule.claim_within, null, null,
            p_acknowledge => true, p_rule_id => v_rule.rule_id, p_now => v_now);
        insert into awards (rule_id, user_id, nth)
            select v_rule.rule_id, d.user_id, d.nth from unnest(v_user_ids, v_nths) as d (user_id, nth)
            on conflict (rule_id, user_id) do update set nth = excluded.nth;
        v_made := v_made + 1;
    end loop;
    return v_made;
end $$;
