"""Databases of tests: emptied ones, and copies of the template."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from postgres import find_binaries
from sql.roles import as_functions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")

AT_ONCE = 64
"""The connections of the tests in which much happens at the same moment."""
FUNCTIONS_PASSWORD = "functions"  # noqa: S105 - of databases that live as long as a test

# Delete, not truncate: these tables hold a few rows, and truncating one writes files. As a replica,
# for then foreign keys say nothing of the order.
EMPTY = """
set local session_replication_role = replica;
do $$ declare name text; begin
    for name in select tablename from pg_tables where schemaname = 'public'
                   and tablename not in ('migrations', 'stream_epoch') loop
        execute format('delete from %I', name);
    end loop;
    insert into sweep_cursor default values;
    insert into presence_event_log default values;
    insert into grant_log default values;
    insert into line_limits default values;
    insert into rollup_state default values;
    insert into webhook_log default values;
    insert into broadcast_stream (seq) values (0);
end $$
"""


class Aside:
    """A connection that stays open from test to test, beside what is tested: a new one takes 25 ms.

    Its loop runs in a thread of its own, so every test may ask it, from every thread.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, daemon=True).start()
        self._one_at_a_time = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None

    def empty(self) -> None:
        self._run(lambda db: db.execute(EMPTY))

    def rows(self, sql: str, *args: object) -> list[dict[str, Any]]:
        rows = self._run(lambda db: db.fetch(sql, *args))
        return [dict(row) for row in rows]

    def _run(self, ask: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        return asyncio.run_coroutine_threadsafe(self._answer(ask), self._loop).result()

    async def _answer(self, ask: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async with self._one_at_a_time:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._dsn)
            return await ask(self._connection)


@cache
def aside(dsn: str) -> Aside:
    return Aside(dsn)


async def copy(template_dsn: str, name: str) -> None:
    admin = await asyncpg.connect(named(template_dsn, "postgres"))
    await admin.execute(f"create database {name} template headcount strategy file_copy")
    await admin.close()


async def drop(template_dsn: str, name: str) -> None:
    """Drop a copy, with the connections to it."""
    admin = await asyncpg.connect(named(template_dsn, "postgres"))
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@contextmanager
def copied(
    template_dsn: str, name: str, fill: Callable[[asyncpg.Connection], Awaitable[None]]
) -> Iterator[str]:
    """A copy that is filled. For fixtures of a module, which are made again when a worker comes
    back to the module from another one's tests: the name is free by then."""
    dsn = named(template_dsn, name)

    async def make() -> None:
        await copy(template_dsn, name)
        db = await asyncpg.connect(dsn)
        await fill(db)
        await db.close()

    asyncio.run(make())
    yield dsn
    asyncio.run(drop(template_dsn, name))


def of_functions(dsn: str) -> str:
    """The same database with the rights that functions have."""
    return as_functions(dsn, FUNCTIONS_PASSWORD)


def named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def skip_without_pg_dump() -> None:
    """PostgreSQL of npm comes without."""
    if not Path(find_binaries().tool("pg_dump")).exists():
        pytest.skip("this PostgreSQL comes without pg_dump")
