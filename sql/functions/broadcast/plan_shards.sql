-- Cut an audience into shards of about 2,000 sessions, at bounds from a sample: counting them all would
-- take longer than the first thousand pushes. Shards of different sizes do no harm, since a worker that is
-- done takes the next one. Once per broadcast and round; returns how many that made, 0 if they exist.
create or replace function plan_shards(p_broadcast broadcasts, p_round integer) returns integer
language plpgsql as $$
declare
    c_size    constant integer := 2000;
    v_percent float8;
    v_made    integer;
begin
    if exists (select from broadcast_shards s
                where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round) then
        return 0;
    end if;
    -- One at a time: the second caller checks again.
    perform from broadcasts where broadcast_id = p_broadcast.broadcast_id for update;
    if exists (select from broadcast_shards s
                where s.broadcast_id = p_broadcast.broadcast_id and s.round = p_round) then
        return 0;
    end if;
    v_percent := sample_percent();
    with sampled as (
        select user_id, resource from watching_times tablesample system (v_percent)
         where p_broadcast.audience <> 'users' and ended_at is null
           and (p_broadcast.resource is null or resource = p_broadcast.resource)
    ),
    listed as (
        select user_id, '' as resource from offers
         where p_broadcast.audience = 'users' and bonus_id = p_broadcast.bonus_id
        union all
        select user_id, '' from question_users where question_id = question_of(p_broadcast)
        union all
        select user_id, '' from campaign_progress
         where p_broadcast.kind = 'progress' and told_by = p_broadcast.broadcast_id
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
