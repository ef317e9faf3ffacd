-- The server that this database is on: p_cluster, if it has a name that no other cluster ever gets; else what
-- PostgreSQL says, its system identifier and its timeline. The first is another one after a dump was loaded or pg_upgrade,
-- the second after a recovery to a point in time, and after a standby has taken over: it may not have had the last
-- transactions. A restart changes neither. Null where PostgreSQL may not be asked: Aurora says 0A000 or 55000 to what
-- reads its log. (https://github.com/DataDog/integrations-core/issues/20356, 2026-11-30)
create or replace function server_of(p_cluster text) returns text language plpgsql as $$
begin
    return coalesce(p_cluster, (select c.system_identifier from pg_control_system() as c)
                               || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8));
exception
    when feature_not_supported or object_not_in_prerequisite_state or insufficient_privilege then
        return null;
end $$;
