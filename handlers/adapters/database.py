"""PostgreSQL: one connection per execution environment, one round trip per query."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import asyncpg
import msgspec

from handlers.adapters.database_breaker import DatabaseBreaker
from handlers.adapters.deadline import ANSWER_SECONDS
from handlers.adapters.metrics import FrequentCount
from handlers.adapters.settings import statement_cache_size
from handlers.adapters.statements import name, noted_sql_of, reader, sql_of, values_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta

    from handlers.adapters.deadline import Deadline
    from handlers.core.operation import Note, RowT, Statement

    Records = list[asyncpg.Record]

log = logging.getLogger(__name__)

# Lambda runs one event at a time per environment, so one connection is a pool of the right size;
# and no pool means no reset query, which would pin every session behind RDS Proxy
# (https://github.com/MagicStack/asyncpg/issues/1153, 2026-11-23).
# A call in all, with the wait for its turn, a new connection and the second attempt. The database's
# own bound for a statement is longer (sql/time_outs.sql): it is for clients that are gone.
CALL_SECONDS = 10.0
# For a message, many times what its statement takes. A database that needs longer has more to do
# than it can, and each message that waits on adds to it: its client is told to send it again later.
MESSAGE_CALL_SECONDS = 4.0
# A probe of a database that has not answered (`DatabaseBreaker`): many times what the statements of
# messages and handshakes take, and more than a report may (handlers/services/reports.py).
CLIENT_PROBE_SECONDS, WEB_PROBE_SECONDS = 1.0, 3.0
# Tens of milliseconds, usually. A new copy of a function learns by it that the database hangs.
CONNECT_SECONDS = 2.0

METRIC = "database_unavailable"

# NAT gateways and proxies drop what is idle without a word, and a frozen environment is idle.
FRESH_FOR_SECONDS = 240.0

# The server ended a statement by its own time-outs (sql/time_outs.sql), and would do so again.
TIMED_OUT = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)

# The statement is right, and the schema is another one.
OTHER_SCHEMA = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedColumnError,
)

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

    def __init__(self, reason: str, silent_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.silent_seconds = silent_seconds
        """For how long it had not answered this process before."""


class WrongSchema(Unavailable):
    """The database lacks what the statement names: `make migrate` has not run for this release."""


class NotConnected(Unavailable):
    """There is no connection to the database."""


class TooSlow(Exception):
    """A report would take longer than it may; the database has cancelled it."""


class UnknownTimeZone(Exception):
    """A report or a campaign is of days in a time zone that the database does not know."""


class Unstorable(Exception):
    """PostgreSQL refuses a value, as JSON with a NUL character. The same event will fail again."""

    def __init__(self, reason: str, constraint: str | None = None) -> None:
        super().__init__(reason)
        self.constraint = constraint
        """Which one it does not meet, if it is that."""


class Database:
    """Runs statements, each of which may run twice."""

    def __init__(
        self,
        dsn: str,
        deadline: Deadline,
        at_most_seconds: float = CALL_SECONDS,
        breaker: DatabaseBreaker | None = None,
        took: Callable[[float], object] = lambda _seconds: None,
    ) -> None:
        """`took` is told how long each statement took that has an answer, with its wait for it."""
        self._dsn, self._deadline, self._at_most_seconds = dsn, deadline, at_most_seconds
        self._breaker = breaker or DatabaseBreaker(CALL_SECONDS)
        self._unavailable, self._took = FrequentCount(METRIC), took
        self._connection: asyncpg.Connection | None = None
        self._used_at = 0.0
        # A broadcast's workers wait for each other here: a connection takes one query at a time.
        self._turn = asyncio.Lock()

    async def fetch(self, statement: Statement[RowT], note: Note | None = None) -> list[RowT]:
        """The rows of a statement, which also writes a note if there is one. Raises Unavailable
        or Unstorable.

        A connection that died since the last event (a freeze, a failover) is replaced once; the
        statement may have run by then, and each of them may run twice.
        """
        sql, values = sql_of(type(statement)), values_of(statement)
        if note is not None:
            sql, values = noted_sql_of(type(statement)), [*values, *msgspec.structs.astuple(note)]
        return await self._call(statement, lambda connection: connection.fetch(sql, *values))

    async def report(self, statement: Statement[RowT], within: timedelta) -> list[RowT]:
        """The rows of a statement that only reads, and is cancelled if it takes longer than
        `within`.

        Raises TooSlow then, or UnknownTimeZone, else what `fetch` raises.
        """
        sql, values = sql_of(type(statement)), values_of(statement)
        milliseconds = int(within.total_seconds() * 1000)

        async def run(connection: asyncpg.Connection) -> Records:
            await connection.execute("begin read only")
            try:
                await connection.execute("select limit_report($1)", milliseconds)
                records: Records = await connection.fetch(sql, *values)
            except asyncpg.PostgresError as error:
                await connection.execute("rollback")
                if isinstance(error, asyncpg.QueryCanceledError):
                    raise TooSlow(name(statement)) from error
                # A report gives the database no other value that it may not know.
                if isinstance(error, asyncpg.InvalidParameterValueError):
                    raise UnknownTimeZone(name(statement)) from error
                raise
            await connection.execute("commit")
            return records

        return await self._call(statement, run)

    async def fetch_one(self, statement: Statement[RowT]) -> RowT:
        """The row of a statement that always has one."""
        (row,) = await self.fetch(statement)
        return row

    def flush(self) -> None:
        """A scheduled run has ended: print all that it counted, for alarms go by minutes."""
        self._unavailable.print()

    async def close(self) -> None:
        self._terminate()
        # The socket closes at the loop's next turn.
        await asyncio.sleep(0)

    async def _call(
        self, statement: Statement[RowT], run: Callable[[asyncpg.Connection], Awaitable[Records]]
    ) -> list[RowT]:
        silent_seconds, began = self._breaker.silent_seconds, time.monotonic()
        try:
            records = await self._ask(statement, run)
        except (Unavailable, TimeoutError, *LOST) as error:
            self._unavailable.add()
            reason = f"database: {name(statement)}: {_said(error)}"
            if isinstance(error, OTHER_SCHEMA):
                reason = f"{reason}; the schema is not that of this release: make migrate"
                raise WrongSchema(reason, silent_seconds) from error
            raise Unavailable(reason, silent_seconds) from error
        self._unavailable.print()
        self._took(time.monotonic() - began)
        read = reader(type(statement))
        return [read(record) for record in records]

    async def _ask(
        self, statement: Statement[RowT], run: Callable[[asyncpg.Connection], Awaitable[Records]]
    ) -> Records:
        at_most = self._breaker.allow(min(CALL_SECONDS, self._at_most_seconds))
        seconds = self._deadline.allow(at_most, leaving_seconds=ANSWER_SECONDS)
        if not at_most:
            raise Unavailable("not asked, for it does not answer")
        async with asyncio.timeout(seconds), self._turn:
            try:
                return await self._once(run)
            except LOST as error:
                log.warning("%s again, on a new connection: %s", name(statement), _said(error))
                await asyncio.sleep(0)  # the old one's socket closes at the loop's next turn
                return await self._once(run)

    async def _once(self, run: Callable[[asyncpg.Connection], Awaitable[Records]]) -> Records:
        is_answered = True
        try:
            records = await run(await self._connected())
        except asyncpg.CheckViolationError as error:
            raise Unstorable(str(error), error.constraint_name) from error
        except asyncpg.DataError as error:
            raise Unstorable(str(error)) from error
        except TIMED_OUT as error:
            raise Unavailable(_said(error)) from error
        except (asyncio.CancelledError, NotConnected):
            # Out of time. Not a message more to a server that may be silent: that it has lost its
            # client ends the statement (sql/time_outs.sql).
            self._terminate()
            is_answered = False
            raise
        except LOST:
            self._terminate()
            raise
        finally:
            self._breaker.record(is_answered=is_answered)
        self._used_at = time.monotonic()
        return records

    async def _connected(self) -> asyncpg.Connection:
        if self._connection and time.monotonic() > self._used_at + FRESH_FOR_SECONDS:
            await self.close()
        if self._connection is None:
            try:
                self._connection = await asyncpg.connect(
                    self._dsn,
                    timeout=CONNECT_SECONDS,
                    statement_cache_size=statement_cache_size(),
                )
            except (TimeoutError, *LOST) as error:
                raise NotConnected(f"no connection: {_said(error)}") from error
        return self._connection

    def _terminate(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
