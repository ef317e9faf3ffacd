-- name: push
-- The next sessions of a bonus' audience, in order of user and resource, while its window is open:
-- user_id, resource, connections ([[node, connection id], …]), bonus, server_now. No row once the
-- bonus is over: an expired bonus is never pushed.
-- One branch per audience, each along its own index.
-- $1 bonus_id  $2 after_user_id  $3 after_resource ('' and '' from the start)  $4 limit
with live as materialized (
    select b as bonus, b.bonus_id, b.audience, b.resource from bonuses b
     where b.bonus_id = $1 and b.closes_at > clock_timestamp() and b.cancelled_at is null
),
everyone as (
    select w.user_id, w.resource, w.nodes from watching_times w
     where (select audience from live) = 'everyone'
       and w.terminate_at is null and (w.user_id, w.resource) > ($2, $3)
     order by w.user_id, w.resource limit $4
),
viewers as (
    select w.user_id, w.resource, w.nodes from watching_times w
     where (select audience from live) = 'resource' and w.resource = (select resource from live)
       and w.terminate_at is null and w.user_id > $2
     order by w.user_id limit $4
),
offered as (
    select w.user_id, w.resource, w.nodes
      from live l join offers o on o.bonus_id = l.bonus_id
                  join watching_times w on w.user_id = o.user_id and w.terminate_at is null
     where l.audience = 'users' and o.user_id >= $2 and (w.user_id, w.resource) > ($2, $3)
     order by w.user_id, w.resource limit $4
)
select page.user_id, page.resource,
       (select jsonb_agg(jsonb_build_array(c.node, c.connection_id)) from connections(page.nodes) c)
           as connections,
       bonus_json(live.bonus, null) as bonus, ms(clock_timestamp()) as server_now
  from live, (table everyone union all table viewers union all table offered) as page
 order by page.user_id, page.resource;
