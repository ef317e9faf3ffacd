-- A worker's next page of a broadcast, and its report of the last one. Returns one row; outcome
--   page      push to `recipients`, not before wait_ms, then report; the lease runs
--   wait      ask again in wait_ms: enough pushes are reserved, news wait for a bonus, or it is scheduled (`make_scheduled`)
--   busy      other workers hold what is left: ask again, they may die
--   done      nothing is left. repeat_in_ms: wake workers for the next round then; null: do not
--   dropped   the window is over, or the bonus or the news is cancelled; `dropped` more are counted: ask again
--   over      the same, and nothing is left
--   unknown   there is no such broadcast (any more)
--   released  p_limit is 0: no further page, and the next worker goes on with the shard at once
-- shards: how many there are, if this call planned them; else null.
-- age_ms: how long ago the broadcast was made.
-- broadcast {seq, follows}: null for listed users. bonus, news: the content.
-- recipients: [[user_id, [[node, connection id], …], event], …]; event: the offer in the stream of a listed
-- user, or their progress in a campaign ({campaign_id, watched_ms}), else null.
-- progress: {user_id: progress} of the recipients who have not watched long enough for the bonus, see `progress_of`;
-- null: there are none. Of an offer to a listed user it is in the event.
-- p_worker: a uuid that the worker chose; it works on one page at a time. p_shard (null: none), p_page and
-- the counts after them: the page that it got last, and what became of its pushes. A page is done only with
-- that report: a worker that dies leaves its page to another one, p_lease later.
create or replace function broadcast_page(
    p_broadcast_id uuid, p_round integer, p_worker uuid, p_limit integer, p_per_second integer,
    p_shard integer default null, p_page integer default null, p_sent integer default 0,
    p_gone integer default 0, p_undelivered integer default 0, p_dropped integer default 0,
    p_lease interval default '6 seconds', p_now timestamptz default null
) returns table (
    outcome text, wait_ms integer, shards integer, shard integer, page integer, server_now bigint,
    expires_at bigint, age_ms bigint, kind text, epoch uuid, broadcast jsonb, bonus jsonb, news jsonb,
    recipients jsonb, dropped integer, repeat_in_ms integer, progress jsonb
) language plpgsql as $$
#variable_conflict use_column
declare
    c_dropped   constant integer := 5000; -- a shard, as a rule
    v_now       timestamptz := coalesce(p_now, clock_timestamp());
    v_broadcast broadcasts;
    v_bonus     bonuses;
begin
    perform prefer_indexes();
    server_now := ms(v_now);
    select * into v_broadcast from broadcasts b where b.broadcast_id = p_broadcast_id;
    if not found then
        wait_ms := make_scheduled(p_broadcast_id, p_now);
        outcome := case when wait_ms is null then 'unknown' else 'wait' end;
        return next;
        return;
    end if;
    select * into v_bonus from bonuses b where b.bonus_id = v_broadcast.bonus_id;
    if v_broadcast.audience <> 'users' then
        -- Only progress is written: what a power cut loses is pushed again. An offer to a listed user is
        -- an event of their stream, which must stay once it has been pushed.
        perform set_config('synchronous_commit', 'off', true);
    end if;

    perform report_page(p_broadcast_id, p_round, p_worker, p_shard, p_page,
                        p_sent, p_gone, p_undelivered, p_dropped, v_now);
    if p_limit = 0 then
        perform release_shard(p_broadcast_id, p_round, p_worker);
        outcome := 'released';
    elsif v_now > v_broadcast.expires_at
          or v_broadcast.cancelled_at is not null
          or (v_broadcast.kind in ('offer', 'stock') and v_bonus.cancelled_at is not null) then
        shards := case when p_round = 1 then nullif(plan_shards(v_broadcast, p_round), 0) end;
        dropped := (select drop_page(v_broadcast, v_bonus, s, c_dropped, v_now)
                      from hold_shard(p_broadcast_id, p_round, p_worker, p_lease, v_now) as s);
        outcome := case when dropped is null then 'over' else 'dropped' end;
    else
        shards := nullif(plan_shards(v_broadcast, p_round), 0);
        select n.outcome, n.wait_ms, n.shard, n.page, n.recipients, n.repeat_in_ms
          into outcome, wait_ms, shard, page, recipients, repeat_in_ms
          from next_step(v_broadcast, v_bonus, p_round, p_worker, p_limit, p_per_second, p_lease, v_now) n;
    end if;
    if outcome = 'page' then
        select c.* into expires_at, age_ms, kind, epoch, broadcast, bonus, news
          from broadcast_content(v_broadcast, v_bonus, v_now) as c;
        if v_bonus.min_watched is not null
           and (v_broadcast.kind = 'stock' or v_broadcast.kind = 'offer' and v_broadcast.audience <> 'users') then
            select jsonb_object_agg(p.user_id, p.progress) into progress
              from (select u.user_id, progress_of(v_bonus, u.user_id, v_now) as progress
                      from (select distinct r.value ->> 0 as user_id from jsonb_array_elements(recipients) as r) as u) as p
             where p.progress is not null;
        end if;
    end if;
    return next;
end $$;
