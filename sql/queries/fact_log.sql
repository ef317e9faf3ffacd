-- name: fact_log
-- Where the facts begin and end: epoch (of the database), pruned_seq, last_seq.
select e.epoch, f.pruned_seq, f.last_seq from fact_log f, stream_epoch e;
