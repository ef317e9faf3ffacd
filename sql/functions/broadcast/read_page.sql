-- A session's connections as [[node, connection id], …].
create or replace function connection_list(p_nodes jsonb) returns jsonb language sql stable as $$
    select jsonb_agg(jsonb_build_array(c.node, c.connection_id)) from connections(p_nodes) c
$$;

-- The next part of a shard, in order: at most p_limit sessions, or listed users; fewer at its end.
-- connections: where to push; none for a user who is offline or whose answer is there already (`skips`). event: the
-- offer or the question in a listed user's stream, which p_tells writes; or their progress in a campaign. One branch per audience, each along its own index.
-- Its start is a pair with an upper bound, as in add_watch_totals. Its end is applied
-- afterwards: as a condition it would make the scan read to the end of all.
create or replace function read_page(
    p_broadcast broadcasts, p_bonus bonuses, p_shard broadcast_shards, p_limit integer, p_tells boolean,
    p_now timestamptz
) returns table (user_id text, resource text, connections jsonb, event jsonb) language plpgsql as $$
#variable_conflict use_column
declare
    v_user_ids text[];
    v_may_skip boolean := p_shard.round > 1 or p_broadcast.kind = 'stock';
begin
    case p_broadcast.audience
    when 'everyone' then
        return query select user_id::text, resource::text,
               case when v_may_skip and skips(p_broadcast.kind, p_shard.round, p_bonus.bonus_id, user_id) then '[]'
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
               case when v_may_skip and skips(p_broadcast.kind, p_shard.round, p_bonus.bonus_id, user_id) then '[]'
                    else connection_list(nodes) end, null::jsonb from (
            select w.user_id, w.resource, w.nodes from watching_times w
             where (w.resource, w.user_id) > (p_broadcast.resource, p_shard.after_user_id)
               and w.resource <= p_broadcast.resource and w.ended_at is null
             order by w.resource, w.user_id limit p_limit) as page
         where p_shard.until_user_id is null or user_id <= p_shard.until_user_id
         order by user_id;
    when 'users' then
        if p_broadcast.kind = 'progress' then
            return query select t.user_id, '', connections_of(t.user_id), t.progress
              from told_progress(p_broadcast.broadcast_id, p_shard.after_user_id, p_limit) as t
             where p_shard.until_user_id is null or t.user_id <= p_shard.until_user_id
             order by t.user_id;
            return;
        end if;
        if question_of(p_broadcast) is not null then
            return query select * from read_listed(p_broadcast, p_shard, p_limit, p_tells, p_now);
            return;
        end if;
        v_user_ids := array(
            select user_id from (
                select o.user_id from offers o
                 where (o.bonus_id, o.user_id) > (p_broadcast.bonus_id, p_shard.after_user_id)
                   and o.bonus_id <= p_broadcast.bonus_id
                 order by o.bonus_id, o.user_id limit p_limit) as page
             where p_shard.until_user_id is null or user_id <= p_shard.until_user_id);
        if p_broadcast.kind = 'offer' and p_tells then
            perform tell_offers(p_bonus, v_user_ids, p_now);
        end if;
        return query select o.user_id, '',
               case when v_may_skip and skips(p_broadcast.kind, p_shard.round, p_bonus.bonus_id, o.user_id) then '[]'
                    else connections_of(o.user_id) end,
               case when p_broadcast.kind = 'offer' then
                   (select event_json(e) from user_events e
                     where e.user_id = o.user_id and e.seq = o.seq) end
              from offers o
             where o.bonus_id = p_broadcast.bonus_id and o.user_id = any (v_user_ids)
             order by o.user_id;
    end case;
end $$;

-- The same for the users that a question lists.
create or replace function read_listed(
    p_broadcast broadcasts, p_shard broadcast_shards, p_limit integer, p_tells boolean, p_now timestamptz
) returns table (user_id text, resource text, connections jsonb, event jsonb) language plpgsql as $$
#variable_conflict use_column
declare
    v_user_ids text[] := array(
        select user_id from (
            select q.user_id from question_users q
             where (q.question_id, q.user_id) > (question_of(p_broadcast), p_shard.after_user_id)
               and q.question_id <= question_of(p_broadcast)
             order by q.question_id, q.user_id limit p_limit) as page
         where p_shard.until_user_id is null or user_id <= p_shard.until_user_id);
begin
    if p_tells then
        perform tell_listed(p_broadcast, v_user_ids, p_now);
    end if;
    return query select l.user_id, '', connections_of(l.user_id),
           (select event_json(e) from user_events e
             where e.user_id = l.user_id and e.action_id = 'news.' || p_broadcast.broadcast_id)
          from unnest(v_user_ids) as l (user_id) order by l.user_id;
end $$;
