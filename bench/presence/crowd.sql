-- Who is here, and sessions that are over: the same people for every table that is measured.
-- Settings: bench.rows, how many of each; bench.node.
-- In no order of their ids, as people come; between two minutes and an hour ago.
create unlogged table crowd as
select (random() * 1e15)::bigint::text as user_id,
       (50 * random() ^ 2)::integer::text as resource,
       (random() * 1e15)::bigint::text as connection_id,
       clock_timestamp() - interval '1 hour' + n * interval '58 minutes' / rows as joined_at
  from (select current_setting('bench.rows')::integer as rows) as one, generate_series(1, rows) as n;
delete from crowd c using (select user_id, min(ctid) as first from crowd group by 1 having count(*) > 1) d
 where c.user_id = d.user_id and c.ctid <> d.first;

create unlogged table crowd_before as
select (random() * 1e15)::bigint::text as user_id, resource,
       joined_at - interval '2 hours' as joined_at, joined_at - interval '100 minutes' as ended_at
  from crowd;
