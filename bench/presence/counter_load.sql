\set user random(1, 1000000000000000)
insert into counter_times as t (user_id, joined_at, nodes)
    values (:user, clock_timestamp(), jsonb_build_object(:node::text, 1))
    on conflict (user_id) where ended_at is null do update
       set nodes = t.nodes || jsonb_build_object(:node::text, coalesce((t.nodes ->> :node)::integer, 0) + 1);
update counter_times
   set nodes = case when (nodes ->> :node)::integer > 1
                    then nodes || jsonb_build_object(:node::text, (nodes ->> :node)::integer - 1)
                    else nodes - :node end,
       ended_at = case when nodes = jsonb_build_object(:node::text, 1) then clock_timestamp() end
 where user_id = :user and ended_at is null and nodes ? :node;
