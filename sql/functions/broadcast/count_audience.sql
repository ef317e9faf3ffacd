-- How many connections the audience of a bonus has now: exact for listed users, and else as `count_present` has it. A bonus
-- that does not exist has none.
create or replace function count_audience(p_bonus_id uuid) returns bigint language sql stable as $$
    select coalesce((
        select case when b.audience = 'users'
                    then (select sum(count_connections(o.user_id))::bigint from offers o where o.bonus_id = p_bonus_id)
                    else count_present(b.resource) end
          from bonuses b where b.bonus_id = p_bonus_id), 0)
$$;

-- How many connections are open, on a resource or (null) on all. Exact for up to 10,000 sessions, and for the few viewers of
-- a resource; of more, from a sample of blocks like that of `plan_shards`: counting 800,000 takes longer than their first
-- thousand pushes.
create or replace function count_present(p_resource text) returns bigint language plpgsql stable as $$
declare
    c_few     constant integer := 200;
    v_percent float8;
    v_seen    bigint;
    v_count   bigint;
    v_blocks  bigint;
begin
    v_percent := sample_percent();
    with sampled as (
        select (w.ctid::text::point)[0] as block, w.nodes,
               w.ended_at is null and (p_resource is null or w.resource = p_resource) as is_watching
          from watching_times w tablesample system (v_percent)
    )
    select count(*) filter (where is_watching), coalesce(sum(size(nodes)) filter (where is_watching), 0),
           count(distinct block)
      into v_seen, v_count, v_blocks from sampled;
    if v_percent = 100 then
        return v_count;
    end if;
    if v_seen < c_few and p_resource is not null then
        return (select coalesce(sum(size(w.nodes)), 0) from watching_times w
                 where w.resource = p_resource and w.ended_at is null);
    end if;
    -- By the blocks that came, not those that were asked for: these are a matter of chance.
    return v_count * (pg_relation_size('watching_times') / current_setting('block_size')::bigint) / greatest(v_blocks, 1);
end $$;
