"""What the functions ask that would pin a connection of RDS Proxy, by PostgreSQL's own statistics.

A pinned connection is not shared until its client leaves: with one for each copy of a function the
proxy has none left. It looks at what clients send, not at what functions of the database do.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html (2026-11-30)
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg

from sql.roles import FUNCTIONS
from tests.support.databases import named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SENT = """
select distinct query
  from pg_stat_statements join pg_roles on pg_roles.oid = userid
 where rolname = $1 and toplevel
   and query ~* $2
 order by query
"""
PINS = (
    r"^\s*(set|reset|prepare|execute|deallocate|discard|declare|listen|load|lock)\y"
    r"|^\s*create\s+temp|\y(set_config|nextval|setval|pg_(try_)?advisory_\w+)\s*\("
)

FORGET = """
select pg_stat_statements_reset(0, (select oid from pg_database where datname = $1), 0)
"""


async def pinning(dsn: str, role: str = FUNCTIONS) -> list[str]:
    """Statements of all databases of a server that a role has run and that pin; each once.

    Empty where PostgreSQL comes without pg_stat_statements.
    """
    async with _statistics(dsn) as db:
        return [query for (query,) in await db.fetch(SENT, role, PINS)] if db else []


async def forget(dsn: str) -> None:
    """What was sent to this database was a test's, and no function's."""
    async with _statistics(dsn) as db:
        if db:
            await db.execute(FORGET, urlsplit(dsn).path.removeprefix("/"))


@asynccontextmanager
async def _statistics(dsn: str) -> AsyncIterator[asyncpg.Connection | None]:
    """None where PostgreSQL comes without pg_stat_statements."""
    db = await asyncpg.connect(named(dsn, "postgres"))
    try:
        if "pg_stat_statements" in await db.fetchval("show shared_preload_libraries"):
            await db.execute("create extension if not exists pg_stat_statements")
            yield db
        else:
            yield None
    finally:
        await db.close()
