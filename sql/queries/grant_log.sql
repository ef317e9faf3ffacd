-- name: grant_log
-- Which database grants are read from: epoch, and next_xid, which none of its transactions has had yet.
-- is_moved: it holds grants with such xids, so they were copied from another cluster.
select e.epoch::text, c.next_xid,
       exists (select from ledger l where l.entry = 'claimed' and l.xid >= c.next_xid) as is_moved
  from stream_epoch e, (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_xid) as c;
