"""What a crash of PostgreSQL leaves behind: a used ticket stays used."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from handlers.core.operations.connect import Connect
from handlers.core.operations.disconnect import Disconnect
from postgres import Postgres
from sql.migrate import migrate
from tests.support.statements import asked
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

GRACE = timedelta(seconds=30)


def connect(user: str, connection: str, until: datetime, most: int = 50) -> Connect:
    return Connect(
        user, "site", "n/live", connection, f"ticket-of-{user}", until, GRACE, most, None
    )


def disconnect(user: str, connection: str, until: datetime) -> Disconnect:
    return Disconnect(user, "n/live", connection, "client", f"ticket-of-{user}", until, GRACE)


def kill(server: Postgres, folder: Path) -> None:
    pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.ended() is not None)


async def opened(dsn: str, statement: Connect | Disconnect) -> object:
    db = await asyncpg.connect(dsn)
    outcome = await db.fetchval(*asked(statement))
    await db.close()
    return outcome


@pytest.mark.slow
@pytest.mark.parametrize("is_flushed", [True, False])
async def test_a_used_ticket_opens_nothing_after_a_crash(tmp_path: Path, is_flushed: bool) -> None:
    """Whether the end of its connection has reached the disk or not."""
    until = datetime.now(UTC) + timedelta(minutes=10)
    server = Postgres(tmp_path, durable=True)
    with server as dsn:
        await migrate(dsn)
        assert await opened(dsn, connect("ann", "a1", until)) == "opened"
        assert await opened(dsn, disconnect("ann", "a1", until)) is True
        assert await opened(dsn, connect("eve", "e1", until, most=0)) == "too_many"
        if is_flushed:
            # Whatever waits for the disk takes along what was written before.
            assert await opened(dsn, connect("bob", "b1", until)) == "opened"
        kill(server, tmp_path)
        server.restart()
        for user in ("ann", "eve", "bob") if is_flushed else ("ann", "eve"):
            assert await opened(dsn, connect(user, "another", until)) == "refused", user
