"""A release while users are there: the code before runs on, and meets no error.

How long they wait is printed (`pytest -s`), not judged: that depends on the machine. What is judged
is that they get on between two attempts of a migration that cannot have its lock.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from sql import apply, schema
from sql.migrate import MigrationError, migrate
from tests.support.databases import of_functions
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.base import Base

USERS = Path(__file__).parents[1] / "support" / "users_of_base.py"
ENOUGH = 100  # statements: each kind has been prepared on most connections
# It needs the lock of every table that users write.
CHANGES_ALL = "\n".join(
    f"alter table {table} add column changed boolean;"
    for table in ("watching_times", "past_sessions", "user_events", "offers", "ledger", "claims")
)


class Users:
    """The process of `users_of_base.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process, self.statements = process, 0
        self.result: dict[str, Any] = {}

    async def read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            said = json.loads(line)
            if isinstance(said, dict):
                self.result = said
            else:
                self.statements = said

    async def get_on(self, reading: asyncio.Task[None]) -> None:
        """Wait until they have been answered a number of statements more."""
        goal = self.statements + ENOUGH
        await until(lambda: self.statements >= goal or reading.done(), "users do not get on")
        assert not reading.done(), "their process has ended"


@asynccontextmanager
async def users(base: Base, dsn: str) -> AsyncIterator[tuple[Users, asyncio.Task[None]]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(USERS), of_functions(dsn)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(base.tree)},
    )
    those = Users(process)
    reading = asyncio.create_task(those.read())
    try:
        await those.get_on(reading)
        yield those, reading
        await those.get_on(reading)
    finally:
        assert process.stdin
        process.stdin.close()
        await reading
        assert await process.wait() == 0
    print(f"\n{ {key: those.result[key] for key in ('statements', 'per_second', 'took')} }")
    assert those.result["failed"] == []
    assert those.result["again"] == []


async def test_users_of_the_code_before_notice_no_migration(base: Base, base_dsn: str) -> None:
    async with users(base, base_dsn):
        assert await migrate(base_dsn)


@pytest.fixture
def changes_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schema with one migration more, which needs many locks."""
    for folder in ("migrations", "functions"):
        shutil.copytree(schema.HERE / folder, tmp_path / folder)
    for file in ("roles.sql", "time_outs.sql"):
        shutil.copy(schema.HERE / file, tmp_path)
    (tmp_path / "migrations" / "9999_changes_all.sql").write_text(CHANGES_ALL)
    monkeypatch.setattr(schema, "HERE", tmp_path)


@asynccontextmanager
async def report(dsn: str) -> AsyncIterator[None]:
    """A transaction that has read each table, and goes on."""
    db = await asyncpg.connect(dsn)
    await db.execute("set idle_in_transaction_session_timeout = 0; begin")
    tables = await db.fetch("select tablename from pg_tables where schemaname = 'public'")
    for (table,) in tables:
        await db.execute(f"select from {table} limit 1")  # our own names
    yield
    await db.close()


@pytest.mark.usefixtures("changes_all")
async def test_users_get_on_while_a_report_holds_its_locks(
    base: Base, base_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sql")
    async with report(base_dsn), users(base, base_dsn) as (those, reading):
        migrating = asyncio.create_task(migrate(base_dsn))
        for attempt in (1, 2):
            await until(partial(lambda n: len(caplog.messages) >= n, attempt))
            await those.get_on(reading)
        assert not migrating.done()
    # Not beside them: they change all these tables, so it might take many attempts.
    assert "migrations/9999_changes_all.sql" in await migrating
    assert "gets no lock; the oldest transaction is process " in caplog.text


async def test_a_migration_that_never_gets_its_lock_changes_nothing(
    own_dsn: str, changes_all: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "MIN_PAUSE_SECONDS", 0.1)
    async with report(own_dsn):
        with pytest.raises(MigrationError, match=r"9999_changes_all\.sql gets no lock; the"):
            await migrate(own_dsn, patience_seconds=0)
    db = await asyncpg.connect(own_dsn)
    assert await db.fetchval("select count(*) from migrations where name like '%9999%'") == 0
    await db.close()
