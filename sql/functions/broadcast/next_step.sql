-- What a worker does next while the window is open: outcome page, wait, busy or done, with the columns that
-- broadcast_page returns for it.
create or replace function next_step(
    p_broadcast broadcasts, p_bonus bonuses, p_round integer, p_worker uuid, p_limit integer,
    p_per_second integer, p_lease interval, p_now timestamptz,
    out outcome text, out wait_ms integer, out shard integer, out page integer, out recipients jsonb,
    out repeat_in_ms integer
) language plpgsql as $$
begin
    -- What the server tells by news of its own, such as a question, is as urgent as a bonus.
    select milliseconds(reserved_until(b, p_now) - p_now - patience(
               case when p_broadcast.news ->> 'type' like '%.%' then 'question' else p_broadcast.kind end)) into wait_ms
      from push_budget b;
    if wait_ms > 0 then
        outcome := 'wait';
        return;
    end if;
    select t.shard, t.page, t.wait_ms, t.recipients into shard, page, wait_ms, recipients
      from take_page(p_broadcast, p_bonus, p_round, p_worker, p_limit, p_per_second, p_lease, p_now) as t;
    if shard is not null then
        outcome := 'page';
    elsif exists (select from broadcast_shards s
                   where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round
                     and s.done_at is null) then
        outcome := 'busy';
    else
        outcome := 'done';
        repeat_in_ms := milliseconds(
            next_round_in(p_broadcast, p_bonus, p_round, p_worker, p_lease, p_now));
    end if;
end $$;
