-- name: grant_log
-- Which database grants are read from: epoch, and next_xid, which none of its transactions has had yet.
-- is_moved: it holds grants with such xids, so they were copied from another cluster.
-- pruned_xid, pruned_grant_id: up to here, grants have been removed.
select e.epoch::text, c.next_xid, exists (select from claims g where g.xid >= c.next_xid) as is_moved,
       p.pruned_xid, p.pruned_grant_id
  from stream_epoch e, grant_log p, next_xid() as c (next_xid);
