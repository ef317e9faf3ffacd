"""PostgreSQL: one connection per execution environment, one round trip per query."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, ClassVar, overload

import asyncpg
from msgspec.structs import astuple

from handlers.adapters.settings import statement_cache_size
from handlers.adapters.statements import name, reader, sql_of, text
from handlers.core.operation import Query, Statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta
    from typing import Any

    from handlers.core.operation import Row, RowT

log = logging.getLogger(__name__)

# Lambda runs one event at a time per environment, so one connection is a pool of the right size;
# and no pool means no reset query, which would pin every session behind RDS Proxy
# (https://github.com/MagicStack/asyncpg/issues/1153, 2026-11-23).
ANSWER_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 5.0

# NAT gateways and proxies drop what is idle without a word, and a frozen environment is idle.
FRESH_FOR_SECONDS = 240.0

# What a connection says that is no more, or that leads to a server which cannot serve: it restarts,
# is full, has become a replica, or does not take our password any more. InternalClientError comes
# when an event arrives while the server's parting words are still being read.
LOST = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class Unavailable(Exception):
    """The database cannot be reached or did not answer in time. The event may be sent again."""


class TooSlow(Exception):
    """A report would take longer than it may; the database has cancelled it."""


class Unstorable(Exception):
    """PostgreSQL refuses a value, as JSON with a NUL character. The same event will fail again."""

    def __init__(self, reason: str, constraint: str | None = None) -> None:
        super().__init__(reason)
        self.constraint = constraint
        """Which one it does not meet, if it is that."""


class ReportLimits(Statement[None], frozen=True):
    query: ClassVar[str] = "report_limits"
    milliseconds: int


class Database:
    """Runs statements, each of which may run twice."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._used_at = 0.0
        # The lanes of a broadcast ask one after the other: a connection takes one query at a time.
        self._turn = asyncio.Lock()

    @overload
    async def fetch(self, query: Statement[RowT]) -> list[RowT]: ...
    @overload
    async def fetch(self, query: Query) -> list[Row]: ...
    async def fetch(self, query: Statement[Any] | Query) -> list[Any]:
        """The rows of a statement. Raises Unavailable or Unstorable.

        A connection that died since the last event (a freeze, a failover) is replaced once; the
        statement may have run by then, and each of them may run twice.
        """

        async def run(connection: asyncpg.Connection) -> list[asyncpg.Record]:
            return await _run(connection, query)

        return _read(query, await self._twice(_name(query), run))

    @overload
    async def report(self, query: Statement[RowT], within: timedelta) -> list[RowT]: ...
    @overload
    async def report(self, query: Query, within: timedelta) -> list[Row]: ...
    async def report(self, query: Statement[Any] | Query, within: timedelta) -> list[Any]:
        """The rows of a statement that only reads, and is cancelled if it takes longer than
        `within`.

        Raises TooSlow then, else what `fetch` raises.
        """
        limits = ReportLimits(int(within.total_seconds() * 1000))

        async def run(connection: asyncpg.Connection) -> list[asyncpg.Record]:
            try:
                async with connection.transaction(readonly=True):
                    await _run(connection, limits)
                    return await _run(connection, query)
            except asyncpg.QueryCanceledError as error:
                raise TooSlow(_name(query)) from error

        return _read(query, await self._twice(_name(query), run))

    @overload
    async def fetch_one(self, query: Statement[RowT]) -> RowT: ...
    @overload
    async def fetch_one(self, query: Query) -> Row: ...
    async def fetch_one(self, query: Statement[Any] | Query) -> Any:
        """The row of a statement that always has one."""
        (row,) = await self.fetch(query)
        return row

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
            # The socket closes at the loop's next turn.
            await asyncio.sleep(0)

    async def _twice(
        self, name: str, run: Callable[[asyncpg.Connection], Awaitable[list[asyncpg.Record]]]
    ) -> list[asyncpg.Record]:
        async with self._turn:
            try:
                return await self._once(name, run)
            except LOST as error:
                log.warning("%s again, on a new connection: %s", name, _said(error))
                await self.close()
            try:
                return await self._once(name, run)
            except LOST as error:
                await self.close()
                raise Unavailable(f"database: {name}: {_said(error)}") from error

    async def _once(
        self, name: str, run: Callable[[asyncpg.Connection], Awaitable[list[asyncpg.Record]]]
    ) -> list[asyncpg.Record]:
        try:
            rows = await run(await self._connected())
        except asyncpg.CheckViolationError as error:
            raise Unstorable(str(error), error.constraint_name) from error
        except asyncpg.DataError as error:
            raise Unstorable(str(error)) from error
        except TimeoutError as error:
            await self.close()
            raise Unavailable(f"database: {name}: no answer in time") from error
        self._used_at = time.monotonic()
        return rows

    async def _connected(self) -> asyncpg.Connection:
        if self._connection and time.monotonic() > self._used_at + FRESH_FOR_SECONDS:
            await self.close()
        if self._connection is None:
            self._connection = await asyncpg.connect(
                self._dsn,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=ANSWER_TIMEOUT_SECONDS,
                statement_cache_size=statement_cache_size(),
            )
        return self._connection


async def _run(
    connection: asyncpg.Connection, query: Statement[Any] | Query
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record]
    if isinstance(query, Query):
        rows = await connection.fetch(text(query.name), *query.args)
    else:
        rows = await connection.fetch(sql_of(type(query)), *astuple(query))
    return rows


def _read(query: Statement[Any] | Query, records: list[asyncpg.Record]) -> list[Any]:
    if isinstance(query, Query):
        return [dict(record) for record in records]
    read = reader(type(query))
    return [read(record) for record in records]


def _name(query: Statement[Any] | Query) -> str:
    return query.name if isinstance(query, Query) else name(query)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
