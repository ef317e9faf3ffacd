"""Users of the release before, whose code is on PYTHONPATH: 200 statements a second.

They stop when stdin ends. Prints the number of statements after each, so that a test sees them get
on, and at the end JSON: how many, how many a second, what failed, and how long they took, since
each was due (`due_`) and since it was asked: what lies between is a machine that cannot do so many,
or connections that wait, all eight of them.
"""

# mypy: ignore-errors
# It is written for that code, which may differ from the code here.

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from handlers.adapters import database as adapter
from handlers.adapters.database import Database
from handlers.adapters.deadline import Deadline
from handlers.core.operations import (
    ack,
    act,
    claim,
    connect,
    disconnect,
    hello,
    ledger,
    maintenance,
    visibility,
    watch,
)
from handlers.services import bonuses, presence

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_SECOND, CONNECTIONS = 200, 8
NO_LIMIT = (timedelta(0), 50, timedelta(seconds=60))
GRACE = timedelta(seconds=30)
NODE = "gateway/live"
# The server's own time-outs say what waits for a lock for too long; how long a busy machine takes
# says nothing.
PATIENCE_SECONDS = 60.0
adapter.CALL_SECONDS = adapter.CONNECT_SECONDS = PATIENCE_SECONDS


class Log(logging.Handler):
    """What the code before logs as a warning: it has met an error, and tries again."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def statements(worker: int) -> Iterator[Any]:
    """The life of one user after another, and what the sweep does beside them."""
    for n in count():
        user, line, bonus = f"user-{worker}-{n % 20}", f"line-{worker}-{n}", uuid.uuid4()
        until = datetime.now(UTC) + timedelta(minutes=1)
        ticket = str(uuid.uuid4())
        yield connect.Connect(user, "site", NODE, line, ticket, until, GRACE, 50, None)
        yield hello.Hello(user, NODE, line, None, None, None, *NO_LIMIT, True, 1)
        yield act.Act(user, f"act-{worker}-{n}", "liked", "{}", '{"n": 1}', *NO_LIMIT)
        yield bonuses.CreateBonus(
            *(bonus, "{}", "users", None, [user], timedelta(0), timedelta(minutes=1)),
            *(1, None, None, True, ""),
        )
        yield ack.Ack(user, bonus, *NO_LIMIT)
        yield claim.Claim(user, f"claim-{worker}-{n}", bonus, *NO_LIMIT)
        yield watch.Watch(user, NODE, line, "stream", GRACE, *NO_LIMIT)
        yield visibility.Visibility(user, NODE, line, False, 2, *NO_LIMIT)
        yield ledger.Ledger(user, None, *NO_LIMIT)
        yield presence.CountOnline(None, None, True)
        yield disconnect.Disconnect(user, NODE, line, "client", ticket, until, GRACE)
        yield maintenance.Finalize(100)


async def play(dsn: str) -> dict[str, Any]:
    log = Log()
    logging.getLogger("handlers").addHandler(log)
    took: list[tuple[float, float]] = []
    failed: list[str] = []
    begun, done = time.monotonic(), asyncio.Event()
    turn = count()

    async def work(worker: int) -> None:
        deadline = Deadline()
        database = Database(dsn, deadline, PATIENCE_SECONDS)
        for statement in statements(worker):
            due = begun + next(turn) / PER_SECOND
            await asyncio.sleep(due - time.monotonic())
            if done.is_set():
                return await database.close()
            deadline.begin(2 * PATIENCE_SECONDS)
            asked = time.monotonic()
            try:
                await database.fetch(statement)
            except Exception as error:
                failed.append(f"{type(statement).__name__}: {type(error).__name__}: {error}")
            took.append((time.monotonic() - due, time.monotonic() - asked))
            print(len(took), flush=True)
        raise AssertionError

    async def stop() -> None:
        await asyncio.to_thread(sys.stdin.read)
        done.set()

    await asyncio.gather(stop(), *(work(worker) for worker in range(CONNECTIONS)))
    per_second = round(len(took) / (time.monotonic() - begun))
    at = {
        f"{kind}p{share}_ms": round(1000 * sorted(seconds)[len(took) * share // 100])
        for kind, seconds in zip(("due_", ""), zip(*took, strict=True), strict=True)
        for share in (50, 99)
    }
    return {
        **{"statements": len(took), "per_second": per_second, "took": at},
        **{"failed": failed, "again": log.lines},
    }


print(json.dumps(asyncio.run(play(sys.argv[1]))))
