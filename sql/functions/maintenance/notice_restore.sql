-- Notice that this database was restored or copied: a new epoch, so that clients and readers do not go on from numbers that
-- it gives again. It is on another server than when this was last asked, or it holds grants with transaction ids that this
-- server has not given yet. These, at most p_limit of them, come first from now on, in the order of their ids; `GET /grants`
-- waits for the last of them, with which the epoch is new. Returns whether it is, and how many grants were renumbered:
-- p_limit says that there may be more.
--   p_cluster      see `server_of`
--   p_is_restored  it was, whatever is found; where it is now is left to the next call
create or replace function notice_restore(
    p_cluster text, p_limit integer, p_is_restored boolean default false, out is_restored boolean,
    out renumbered integer
) language plpgsql as $$
declare
    v_server text := server_of(p_cluster);
begin
    select p_is_restored or coalesce(e.server <> v_server, false) into is_restored from stream_epoch e for update;
    -- Each statement asks again: what it sees of this server has an id below its own snapshot's end.
    update grant_log set pruned_xid = 0, pruned_grant_id = 0 where pruned_xid >= next_xid();
    is_restored := is_restored or found;
    update claims set xid = 0 where ctid = any (array(
        select c.ctid from claims c where c.xid >= next_xid() order by c.xid desc limit p_limit));
    get diagnostics renumbered = row_count;
    is_restored := is_restored or renumbered between 1 and p_limit - 1;
    if is_restored then
        update stream_epoch set epoch = gen_random_uuid();
        -- More than the lost future can have had. The next broadcast follows one that no client has seen, so those
        -- who stayed connected say hello.
        update broadcast_stream set seq = seq + 1000000000, begins_after = seq + 1000000000;
    end if;
    update stream_epoch set server = case when not p_is_restored then coalesce(v_server, server) end
     where p_is_restored or server is distinct from coalesce(v_server, server);
end $$;
