"""Databases of tests: emptied ones, and copies of the template."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import asyncpg

from sql.roles import as_functions

FUNCTIONS_PASSWORD = "functions"  # noqa: S105 - of databases that live as long as a test

# Delete, not truncate: these tables hold a few rows, and truncating one writes files. As a replica,
# for then foreign keys say nothing of the order.
EMPTY = """
set session_replication_role = replica;
do $$ declare name text; begin
    for name in select tablename from pg_tables where schemaname = 'public'
                   and tablename not in ('migrations', 'stream_epoch') loop
        execute format('delete from %I', name);
    end loop;
    insert into sweep_cursor default values;
    insert into presence_event_log default values;
    insert into grant_log default values;
    insert into line_limits default values;
    insert into broadcast_stream (seq) values (0);
end $$
"""


async def copy(template_dsn: str, name: str) -> None:
    admin = await asyncpg.connect(named(template_dsn, "postgres"))
    await admin.execute(f"create database {name} template headcount strategy file_copy")
    await admin.close()


def of_functions(dsn: str) -> str:
    """The same database with the rights that functions have."""
    return as_functions(dsn, FUNCTIONS_PASSWORD)


def named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
