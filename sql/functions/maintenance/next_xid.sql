-- What no transaction that the caller's statement can see has got from this server.
create or replace function next_xid() returns bigint language sql stable as $$
    select pg_snapshot_xmax(pg_current_snapshot())::text::bigint
$$;
