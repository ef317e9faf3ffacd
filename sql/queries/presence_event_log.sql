-- name: presence_event_log
-- Where the presence events begin and end: epoch (of the database), pruned_seq, last_seq.
select e.epoch, f.pruned_seq, f.last_seq from presence_event_log f, stream_epoch e;
