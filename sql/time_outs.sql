-- Bound what a session of this database may hold up, whatever has become of its client. `sql.migrate` runs
-- this each time: a dump does not contain it. It is set for the database, and not by clients: behind RDS Proxy
-- a SET pins a session to its connection, and PgBouncer refuses what it does not know at the start of one.
-- https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html (2026-11-29)
-- A role that does not own the database sets it for its own sessions.
-- https://www.postgresql.org/docs/current/runtime-config-client.html (2026-11-29)
do $$
declare
    v_target text := case
        when (select pg_has_role(datdba, 'member') from pg_database where datname = current_database())
        then format('database %I', current_database())
        else format('role %I in database %I', current_user, current_database()) end;
    v_name text;
    v_value text;
begin
    for v_name, v_value in values
        -- Functions wait ten seconds (handlers/adapters/database.py). Migrations and exports lift this one.
        ('statement_timeout', '15s'),
        ('lock_timeout', '5s'),
        -- No function leaves a transaction open between statements for longer than a round trip.
        ('idle_in_transaction_session_timeout', '30s'),
        -- The statement of a client whose socket has closed ends: Lambda ends functions within a statement.
        ('client_connection_check_interval', '2s'),
        -- A client whose machine has gone closes no socket: idle sessions of it end after 90 seconds,
        ('tcp_keepalives_idle', '60s'),
        ('tcp_keepalives_interval', '10s'),
        ('tcp_keepalives_count', '3'),
        -- and those that are sending to it, with their locks, after a minute.
        ('tcp_user_timeout', '60s'),
        -- Not a time-out, but a setting that functions need: they take a lock and then look at what its last
        -- holder has committed. Under another isolation, claims and cancellations contradict each other.
        ('default_transaction_isolation', 'read committed')
    loop
        -- macOS has no such option on sockets, and PostgreSQL would log that for each session.
        continue when v_name = 'tcp_user_timeout' and version() not like '%linux%';
        execute format('alter %s set %I = %L', v_target, v_name, v_value);
    end loop;
end $$;
