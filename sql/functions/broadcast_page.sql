-- How a broadcast reaches its audience: workers take shards of it, page by page.

-- Cut an audience into shards of about 2,000 sessions, at bounds from a sample: counting them all would
-- take longer than the first thousand pushes, and shards of different sizes harm nobody, for whoever is
-- done takes the next. Once per broadcast and round; returns how many that made, 0 if they were there.
create or replace function plan_shards(p_broadcast broadcasts, p_round integer) returns integer
language plpgsql as $$
declare
    c_size    constant integer := 2000;
    c_sample  constant float8 := 10000;
    v_percent float8;
    v_made    integer;
begin
    if exists (select from broadcast_shards s
                where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round) then
        return 0;
    end if;
    -- One at a time; whoever came second looks again.
    perform from broadcasts where broadcast_id = p_broadcast.broadcast_id for update;
    if exists (select from broadcast_shards s
                where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round) then
        return 0;
    end if;
    select least(100, 100 * c_sample / greatest(reltuples, 1)) into v_percent
      from pg_class where oid = 'watching_times'::regclass;
    with sampled as (
        select user_id, resource from watching_times tablesample system (v_percent)
         where p_broadcast.audience <> 'users' and ended_at is null
           and (p_broadcast.resource is null or resource = p_broadcast.resource)
    ),
    listed as (
        select user_id, '' as resource from offers
         where p_broadcast.audience = 'users' and bonus_id = p_broadcast.bonus_id
    ),
    numbered as (
        select *, row_number() over (order by user_id, resource) as n,
               greatest(1, case when p_broadcast.audience = 'users' then c_size
                                else c_size * v_percent / 100 end)::bigint as every
          from (table sampled union all table listed) as audience
    ),
    bounds as (
        select user_id, resource from numbered where n % every = 0
        union all
        select null, null
    )
    insert into broadcast_shards (broadcast_id, round, shard, after_user_id, after_resource,
                                  until_user_id, until_resource)
        select p_broadcast.broadcast_id, p_round, row_number() over w,
               coalesce(lag(user_id) over w, ''), coalesce(lag(resource) over w, ''), user_id, resource
          from bounds window w as (order by user_id nulls last, resource);
    get diagnostics v_made = row_count;
    return v_made;
end $$;

-- How far ahead of its rate the budget may be: so much later a page may begin that is given out now.
-- Small, since a page's lease runs meanwhile. News wait until nothing else does.
create or replace function patience(p_kind text) returns interval
language sql immutable as $$ select case when p_kind = 'news' then interval '0' else interval '1 second' end $$;

-- The turn of p_many pushes: how many milliseconds after p_now they may begin, so that all workers
-- together stay below p_per_second. null: there are none.
create or replace function take_turn(p_many integer, p_per_second integer, p_now timestamptz)
returns integer language sql as $$
    insert into push_budget as b (free_at)
        select p_now + p_many * interval '1 second' / p_per_second where p_many > 0
        on conflict (only_row) do update
           set free_at = greatest(b.free_at, p_now) + p_many * interval '1 second' / p_per_second
        returning ceil(1000 * extract(
            epoch from free_at - p_many * interval '1 second' / p_per_second - p_now))::integer
$$;

-- Write a bonus into the streams of the users whom it is offered to, once each. No lock but the rows':
-- append_event says why that is enough. In one order, so that two of these never wait for each other
-- in a circle; two that write the same offer fail on the event's id, and the second may try again.
create or replace function tell_offers(p_bonus bonuses, p_user_ids text[], p_now timestamptz)
returns void language plpgsql as $$
begin
    with fresh as (
        select o.user_id from offers o
         where o.bonus_id = p_bonus.bonus_id and o.user_id = any (p_user_ids) and o.seq is null
         order by o.user_id
    ),
    numbered as (
        insert into user_streams as s (user_id, seq) select user_id, 1 from fresh
            on conflict (user_id) do update set seq = s.seq + 1
            returning s.user_id, s.seq
    ),
    told as (
        insert into user_events (user_id, seq, type, body, at, action_id)
            select user_id, seq, 'bonus.offered', bonus_json(p_bonus, null), p_now,
                   'bonus.' || p_bonus.bonus_id
              from numbered
    )
    update offers o set seq = n.seq from numbered n
     where o.bonus_id = p_bonus.bonus_id and o.user_id = n.user_id;
end $$;

-- A user's acknowledgement or claim: a later round leaves them alone.
create or replace function has_answered(p_bonus_id uuid, p_user_id text) returns boolean
language sql stable as $$
    select exists (select from acks a where a.bonus_id = p_bonus_id and a.user_id = p_user_id)
        or exists (select from claims c where c.bonus_id = p_bonus_id and c.user_id = p_user_id)
$$;

-- A session's connections as [[node, connection id], …].
create or replace function connection_list(p_nodes jsonb) returns jsonb language sql stable as $$
    select jsonb_agg(jsonb_build_array(c.node, c.connection_id)) from connections(p_nodes) c
$$;

-- The next of a shard, in order: at most p_limit sessions, or listed users, fewer at its end. connections:
-- whom to push to; none of a user who is not online, or has answered an earlier round. event: what an
-- offer is in a listed user's stream, where p_tells writes it. One branch per audience, each along its own
-- index; cut at the shard's end afterwards, for as a condition that would read on to the end of all.
create or replace function read_page(
    p_broadcast broadcasts, p_bonus bonuses, p_shard broadcast_shards, p_limit integer, p_tells boolean,
    p_now timestamptz
) returns table (user_id text, resource text, connections jsonb, event jsonb) language plpgsql as $$
#variable_conflict use_column
declare
    v_user_ids text[];
begin
    case p_broadcast.audience
    when 'everyone' then
        return query select user_id::text, resource::text,
               case when p_shard.round > 1 and has_answered(p_bonus.bonus_id, user_id) then '[]'
                    else connection_list(nodes) end, null::jsonb from (
            select w.user_id, w.resource, w.nodes from watching_times w
             where w.ended_at is null
               and (w.user_id, w.resource) > (p_shard.after_user_id, p_shard.after_resource)
             order by w.user_id, w.resource limit p_limit) as page
         where p_shard.until_user_id is null
            or (user_id, resource) <= (p_shard.until_user_id, p_shard.until_resource)
         order by user_id, resource;
    when 'resource' then
        return query select user_id::text, resource::text,
               case when p_shard.round > 1 and has_answered(p_bonus.bonus_id, user_id) then '[]'
                    else connection_list(nodes) end, null::jsonb from (
            select w.user_id, w.resource, w.nodes from watching_times w
             where w.resource = p_broadcast.resource and w.ended_at is null
               and w.user_id > p_shard.after_user_id
             order by w.user_id limit p_limit) as page
         where p_shard.until_user_id is null or user_id <= p_shard.until_user_id
         order by user_id;
    else
        v_user_ids := array(
            select user_id from (
                select o.user_id from offers o
                 where o.bonus_id = p_broadcast.bonus_id and o.user_id > p_shard.after_user_id
                 order by o.user_id limit p_limit) as page
             where p_shard.until_user_id is null or user_id <= p_shard.until_user_id);
        if p_broadcast.kind = 'offer' and p_tells then
            perform tell_offers(p_bonus, v_user_ids, p_now);
        end if;
        return query select o.user_id, '',
               case when p_shard.round > 1 and has_answered(p_bonus.bonus_id, o.user_id) then '[]'
                    else connections_of(o.user_id) end,
               case when p_broadcast.kind = 'offer' then
                   (select event_json(e) from user_events e
                     where e.user_id = o.user_id and e.seq = o.seq) end
              from offers o
             where o.bonus_id = p_broadcast.bonus_id and o.user_id = any (v_user_ids)
             order by o.user_id;
    end case;
end $$;

-- A page as one row: how many there are, the last of them, [[user_id, [[node, connection id], …], event], …]
-- of those who are pushed to, and how many pushes that makes.
create or replace function next_page(
    p_broadcast broadcasts, p_bonus bonuses, p_shard broadcast_shards, p_limit integer, p_tells boolean,
    p_now timestamptz, out size bigint, out user_id text, out resource text, out recipients jsonb,
    out pushes integer
) language sql as $$
    select count(*), (array_agg(user_id order by n desc))[1], (array_agg(resource order by n desc))[1],
           coalesce(jsonb_agg(jsonb_build_array(user_id, connections, event) order by n)
               filter (where connections <> '[]'), '[]'),
           coalesce(sum(jsonb_array_length(connections)), 0)::integer
      from read_page(p_broadcast, p_bonus, p_shard, p_limit, p_tells, p_now)
           with ordinality as read (user_id, resource, connections, event, n)
$$;

-- Take a shard: the one that this worker had last, if it still has it; else the first that nobody holds.
-- No row: there is none.
create or replace function hold_shard(
    p_broadcast_id uuid, p_round integer, p_worker uuid, p_lease interval, p_now timestamptz
) returns setof broadcast_shards language sql as $$
    update broadcast_shards s
       set worker = p_worker, held_until = p_now + p_lease,
           reading_user_id = null, reading_resource = null, reading_is_last = null
     where s.broadcast_id = p_broadcast_id and s.round = p_round
       and s.shard = (select f.shard from broadcast_shards f
                       where f.broadcast_id = p_broadcast_id and f.round = p_round and f.done_at is null
                         and (f.worker = p_worker or f.held_until is null or f.held_until < p_now)
                       order by f.worker = p_worker desc nulls last, f.shard limit 1
                       for update skip locked)
    returning s.*
$$;

-- A page is done. Whose shard went to another meanwhile, since it took longer than the lease, only has its
-- numbers added; the same report again changes nothing.
create or replace function report_page(
    p_broadcast_id uuid, p_round integer, p_worker uuid, p_shard integer, p_page integer,
    p_sent integer, p_gone integer, p_undelivered integer, p_dropped integer, p_now timestamptz
) returns void language sql as $$
    update broadcast_shards s
       set sent = sent + p_sent, gone = gone + p_gone, undelivered = undelivered + p_undelivered,
           dropped = dropped + p_dropped,
           after_user_id = case when worker = p_worker then reading_user_id else after_user_id end,
           after_resource = case when worker = p_worker then reading_resource else after_resource end,
           done_at = case when worker = p_worker and reading_is_last then p_now else done_at end,
           reading_user_id = case when worker <> p_worker then reading_user_id end
     where s.broadcast_id = p_broadcast_id and s.round = p_round and s.shard = p_shard
       and (worker <> p_worker or (page = p_page and reading_user_id is not null))
$$;

-- The end of a broadcast's window: count those that are left of a shard as dropped, at most p_limit; of a
-- later round nobody, for whom it would have reached has been told before. Returns how many that were.
create or replace function drop_page(
    p_broadcast broadcasts, p_bonus bonuses, p_shard broadcast_shards, p_limit integer, p_now timestamptz
) returns integer language sql as $$
    update broadcast_shards s
       set after_user_id = coalesce(p.user_id, after_user_id),
           after_resource = coalesce(p.resource, after_resource),
           done_at = case when p.size < p_limit then p_now end,
           dropped = dropped + case when p_shard.round = 1 then p.pushes else 0 end
      from next_page(p_broadcast, p_bonus, p_shard, p_limit, false, p_now) as p
     where s.broadcast_id = p_shard.broadcast_id and s.round = p_shard.round and s.shard = p_shard.shard
    returning case when p_shard.round = 1 then p.pushes else 0 end
$$;

-- When the next round is due, counted from p_now; null: there is none, or others see to it. Whoever had
-- the last shard of this one does; anybody, once they have let go of it or had the time to.
create or replace function next_round_in(
    p_broadcast broadcasts, p_bonus bonuses, p_round integer, p_worker uuid, p_lease interval,
    p_now timestamptz
) returns interval language sql stable as $$
    select greatest(interval '0', last.done_at + interval '5 seconds' - p_now)
      from (select * from broadcast_shards s
             where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round
             order by s.done_at desc, s.shard desc limit 1) as last
     where p_broadcast.kind = 'offer' and p_bonus.acknowledge and p_round < 3
       and (last.worker = p_worker or last.held_until is null or last.done_at < p_now - p_lease)
       -- Where nobody was left to be told, nobody will be.
       and exists (select from broadcast_shards s
                    where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round
                      and s.sent + s.gone + s.undelivered > 0)
       and not exists (select from broadcast_shards s
                        where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round + 1)
$$;

-- A worker's next page of a broadcast, and its report of the last. Returns one row; outcome
--   page      push `recipients`, which may begin in wait_ms, and report; the lease runs
--   wait      come again in wait_ms: enough pushes have their turn, or news give way to a bonus
--   busy      others hold what is left: come again, they may die
--   done      nothing is left. repeat_in_ms: call workers for the next round then; null: do not
--   dropped   its window is over, or it was cancelled, and some that were left are counted, `dropped` of
--             them: come again
--   over      the same, and nothing is left
--   unknown   there is no such broadcast (any more)
--   released  p_limit is 0: no further page, and whoever is next may go on with the shard at once
-- shards: how many there are, if this call made them; null else.
-- age_ms: how long ago the broadcast was made.
-- broadcast {seq, follows}: null for listed users. bonus, news: what it says.
-- recipients: [[user_id, [[node, connection id], …], event], …]; event: what an offer is in the stream of a
-- listed user, else null.
-- p_worker: a uuid of the caller's own, who comes with one page at a time. p_shard (null: none), p_page and
-- what follows: the page that it was given last, and how many pushes of it fared how. A page is done only
-- with that: whoever dies on it leaves it to another, p_lease later.
create or replace function broadcast_page(
    p_broadcast_id uuid, p_round integer, p_worker uuid, p_limit integer, p_per_second integer,
    p_shard integer default null, p_page integer default null, p_sent integer default 0,
    p_gone integer default 0, p_undelivered integer default 0, p_dropped integer default 0,
    p_lease interval default '6 seconds', p_now timestamptz default null
) returns table (
    outcome text, wait_ms integer, shards integer, shard integer, page integer, server_now bigint,
    expires_at bigint, age_ms bigint, kind text, epoch uuid, broadcast jsonb, bonus jsonb, news jsonb,
    recipients jsonb, dropped integer, repeat_in_ms integer
) language plpgsql as $$
#variable_conflict use_column
declare
    c_dropped   constant integer := 5000; -- a shard, as a rule
    v_now       timestamptz := coalesce(p_now, clock_timestamp());
    v_broadcast broadcasts;
    v_bonus     bonuses;
    v_is_over   boolean;
    v_shard     broadcast_shards;
    v_read      record;
begin
    perform set_config('enable_seqscan', 'off', true); -- see 00_shared
    server_now := ms(v_now);
    select * into v_broadcast from broadcasts b where b.broadcast_id = p_broadcast_id;
    if not found then
        outcome := 'unknown';
        return next;
        return;
    end if;
    select * into v_bonus from bonuses b where b.bonus_id = v_broadcast.bonus_id;
    if v_broadcast.audience <> 'users' then
        -- What is written is how far it has come, and what a power cut loses of that is pushed again.
        -- An offer to a listed user is an event of their stream, which must stay once it is told.
        perform set_config('synchronous_commit', 'off', true);
    end if;

    perform report_page(p_broadcast_id, p_round, p_worker, p_shard, p_page,
                        p_sent, p_gone, p_undelivered, p_dropped, v_now);
    if p_limit = 0 then
        update broadcast_shards s set held_until = null
         where s.broadcast_id = p_broadcast_id and s.round = p_round and s.worker = p_worker;
        outcome := 'released';
        return next;
        return;
    end if;
    v_is_over := v_now > v_broadcast.expires_at
        or (v_broadcast.kind = 'offer' and v_bonus.cancelled_at is not null);
    if p_round = 1 or not v_is_over then
        shards := nullif(plan_shards(v_broadcast, p_round), 0);
    end if;
    if v_is_over then
        select * into v_shard from hold_shard(p_broadcast_id, p_round, p_worker, p_lease, v_now);
        if found then
            dropped := drop_page(v_broadcast, v_bonus, v_shard, c_dropped, v_now);
        end if;
        outcome := case when v_shard.shard is not null then 'dropped' else 'over' end;
        return next;
        return;
    end if;
    select milliseconds(free_at - patience(v_broadcast.kind) - v_now) into wait_ms
      from push_budget where free_at - patience(v_broadcast.kind) > v_now;
    if found then
        outcome := 'wait';
        return next;
        return;
    end if;

    loop
        select * into v_shard from hold_shard(p_broadcast_id, p_round, p_worker, p_lease, v_now);
        exit when not found;
        select * into v_read from next_page(v_broadcast, v_bonus, v_shard, p_limit, true, v_now);
        update broadcast_shards s
           set page = s.page + 1, reading_user_id = v_read.user_id, reading_resource = v_read.resource,
               reading_is_last = v_read.size < p_limit,
               done_at = case when v_read.size = 0 then v_now end
         where s.broadcast_id = p_broadcast_id and s.round = p_round and s.shard = v_shard.shard
        returning s.page into page;
        if v_read.size > 0 then
            outcome := 'page';
            wait_ms := take_turn(v_read.pushes, p_per_second, v_now);
            shard := v_shard.shard;
            expires_at := ms(v_broadcast.expires_at);
            age_ms := milliseconds(v_now - v_broadcast.at);
            kind := v_broadcast.kind;
            select e.epoch into epoch from stream_epoch e;
            broadcast := case when v_broadcast.seq is not null then
                jsonb_build_object('seq', v_broadcast.seq, 'follows', v_broadcast.follows) end;
            bonus := case when v_bonus.bonus_id is not null then
                bonus_json(v_bonus, case when kind = 'cancel' then 'cancelled' end) end;
            news := case when kind = 'news' then news_json(v_broadcast) end;
            recipients := v_read.recipients;
            return next;
            return;
        end if;
    end loop;

    outcome := case when exists (
        select from broadcast_shards s
         where s.broadcast_id = p_broadcast_id and s.round = p_round and s.done_at is null)
        then 'busy' else 'done' end;
    if outcome = 'done' then
        repeat_in_ms := milliseconds(
            next_round_in(v_broadcast, v_bonus, p_round, p_worker, p_lease, v_now));
    end if;
    return next;
end $$;
