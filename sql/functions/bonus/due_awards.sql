-- Who has reached their next award of a rule, of the users who are watching what it counts, and the number of that
-- award; at most p_limit, those with the oldest last award first. Their progress is what sessions that are
-- finalized have added since the rule began (as they were recorded: no correction takes an award back), on any day and from
-- any device, and what the others have run up by now, by the rule's clock.
create or replace function due_awards(p_rule award_rules, p_limit integer, p_now timestamptz)
returns table (user_id text, nth bigint) language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
        with here as (
            -- At most so long: this counts a moment twice that two sessions have. Most are not due, and need no more.
            select w.user_id::text,
                   sum(case when p_rule.is_visible and w.visible is not null
                            then visible_length(shown_times(w), starts_at, ends_at)
                            else greatest(ends_at - starts_at, '0') end) as at_most
              from watching_times w,
                   lateral (select greatest(w.joined_at, p_rule.created_at) as starts_at,
                                   coalesce(w.ended_at, p_now) as ends_at) as each
             where p_rule.resource is null or w.resource = p_rule.resource
             group by w.user_id having bool_or(w.ended_at is null)
        ),
        likely as (
            select h.user_id, before, last_nth
              -- One by one: a join could go through all progress of the rule for each user.
              from (select user_id, at_most,
                           coalesce((select p.watched from award_progress p
                                      where p.rule_id = p_rule.rule_id and p.user_id = here.user_id), '0') as before,
                           coalesce((select a.nth from awards a
                                      where a.rule_id = p_rule.rule_id and a.user_id = here.user_id), 0) as last_nth
                      from here offset 0) as h
             where before + at_most >= (last_nth + 1) * p_rule.every
        ),
        judged as (
            select l.user_id, l.last_nth,
                   extract(epoch from l.before + u.watched) / extract(epoch from p_rule.every) as reached
              from likely l, unfinalized(l.user_id, p_rule.resource, p_rule.created_at, p_now, false,
                                           p_rule.is_visible) as u
        )
        select user_id, floor(reached)::bigint from judged where reached >= last_nth + 1
         order by reached - last_nth desc, user_id limit p_limit;
end $$;
