"""PostgreSQL: one connection per execution environment, one round trip per query."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from handlers.core.happening import Query, Row

QUERIES = Path(__file__).parents[2] / "sql" / "queries"

# Lambda runs one event at a time per environment, so one connection is a pool of the right size;
# and no pool means no reset query, which would pin every session behind RDS Proxy
# (https://github.com/MagicStack/asyncpg/issues/1153, 2026-11-23).
ANSWER_WITHIN_SECONDS = 10.0
CONNECT_WITHIN_SECONDS = 5.0

# A connection that is no more shows itself in any of these: the last one when an event comes while
# the server's parting words are still being read.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    OSError,
    asyncpg.InternalClientError,
)


class Unavailable(Exception):
    """The database cannot be reached or did not answer in time. The event may be sent again."""


class Unstorable(Exception):
    """PostgreSQL refuses a value, as JSON with a NUL character. The same event will fail again."""


class Database:
    """Runs the queries of `sql/queries/`. Every one of them may run twice."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    async def fetch(self, query: Query) -> list[Row]:
        """The rows of a query. Raises Unavailable or Unstorable.

        A connection that died since the last event (a freeze, a failover) is replaced once; the
        query may have run by then, which none of them minds.
        """
        try:
            return await self._fetch(query)
        except LOST:
            await self.close()
        try:
            return await self._fetch(query)
        except LOST as error:
            await self.close()
            raise Unavailable(f"database: {error}") from error

    async def fetch_one(self, query: Query) -> Row:
        """The row of a query that always has one."""
        (row,) = await self.fetch(query)
        return row

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
            # The socket closes at the loop's next turn.
            await asyncio.sleep(0)

    async def _fetch(self, query: Query) -> list[Row]:
        try:
            if self._connection is None:
                self._connection = await asyncpg.connect(
                    self._dsn,
                    timeout=CONNECT_WITHIN_SECONDS,
                    command_timeout=ANSWER_WITHIN_SECONDS,
                    # 0 behind a pooler in transaction mode, which knows no named statements.
                    statement_cache_size=int(os.environ.get("STATEMENT_CACHE_SIZE") or "100"),
                )
            return [
                dict(row) for row in await self._connection.fetch(text(query.name), *query.args)
            ]
        except asyncpg.DataError as error:
            raise Unstorable(str(error)) from error
        except (asyncpg.OperatorInterventionError, asyncpg.TooManyConnectionsError) as error:
            # The server shuts down, starts up, fails over, or is full.
            raise OSError(str(error)) from error
        except TimeoutError as error:
            await self.close()
            raise Unavailable("database: no answer in time") from error


@cache
def text(name: str) -> str:
    """The statement in `sql/queries/<name>.sql`."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")
