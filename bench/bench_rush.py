"""All users claim at the same moment, through wsgate: `make bench-rush`.

One gateway with the project's own functions, PostgreSQL as `make run` starts it. Each user claims
the same bonus at a random moment of a third of a second. A user who is told to
come again does so after `retry_after_ms`; where none is told, after a random time that doubles.
Exit code 1 unless every user has an answer and as many are granted as there were.

With --quotas the gateway throttles as AWS does by default. Clients, gateway, functions and database
share this machine's processors.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import uvloop

from bench.support.clients import Client, connect, text_frame
from bench.support.figures import Figures, add_write_option
from bench.support.gateways import Gateway, cpu_seconds, family
from bench.support.systems import whole_system
from handlers.core.ticket import Ticket, mint
from postgres import Postgres
from wsgate.open_files import raise_limit

AT_ONCE = 32
WINDOW_SECONDS = 300
# As the browser client: client/src/outbox.js and connection.js.
ANSWER_SECONDS = 30.0
RETRY_CAP_SECONDS = 30.0
WARM_UP = 1_000
# More handshakes than AWS's 500 a second: they are not what is measured. What waits for one of
# ten processes here would run there.
QUOTAS = ("--quotas", "connections=100000,concurrency=100000")
HELLO = text_frame('{"action":"hello","id":"hello"}')
_random = random.SystemRandom()


@dataclass
class User:
    """A user with one connection, and what became of the one claim of theirs."""

    user_id: str
    bonus_id: str
    client: Client | None = None
    is_welcome: bool = False
    began: float = 0.0
    took: float | None = None
    outcome: str | None = None
    asked: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    timer: asyncio.TimerHandle | None = None

    def claim(self) -> None:
        """Send it, and again if there is no answer. The id stays the same."""
        if self.outcome is not None or self.client is None or self.client.is_closed:
            return
        self.began = self.began or time.perf_counter()
        self.asked += 1
        said = {"action": "claim", "id": "claim", "bonus_id": self.bonus_id}
        self.client.say(text_frame(json.dumps(said)))
        self._again_after(ANSWER_SECONDS)

    def hear(self, _client: Client, payload: bytes) -> None:
        message: dict[str, Any] = json.loads(payload)
        if message.get("re") == "hello":
            self.is_welcome = True
        elif message.get("type") == "claim":
            self.took, self.outcome = time.perf_counter() - self.began, message["outcome"]
            if self.timer:
                self.timer.cancel()
        elif message.get("type") == "error" or "message" in message:
            self.refusals[message.get("code") or message["message"]] += 1
            wait_ms = message.get("retry_after_ms")
            longest = min(RETRY_CAP_SECONDS, 2.0 ** (self.asked - 1))
            self._again_after(wait_ms / 1000 if wait_ms else _random.random() * longest)

    def _again_after(self, seconds: float) -> None:
        if self.timer:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(seconds, self.claim)


def main() -> int:
    """1 when a user has no answer, or the stock was not given out to the last one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=5_000)
    parser.add_argument("--stock", type=int, default=100)
    parser.add_argument("--spread", type=float, default=1 / 3, help="seconds in which all claim")
    parser.add_argument("--quotas", action="store_true", help="throttle as AWS does by default")
    add_write_option(parser)
    given = parser.parse_args()
    raise_limit()
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres(Path(folder) / "postgres") as dsn,
        whole_system(dsn, Path(folder) / "log.txt", *(QUOTAS if given.quotas else ())) as system,
    ):
        running, secret, _ = system
        rush = Rush(running, dsn, secret, Figures("rush"))
        is_true = uvloop.run(rush.play(given))
    if given.write:
        rush.figures.write()
    return 0 if is_true else 1


class Rush:
    """Users come, and claim a bonus."""

    def __init__(self, running: Gateway, dsn: str, secret: str, figures: Figures) -> None:
        self._running, self._dsn, self._secret = running, dsn, secret
        self.figures = figures
        self._users: list[User] = []

    async def play(self, given: argparse.Namespace) -> bool:
        bonus_id = await self._offer(given.stock)
        await self._come(given.users, bonus_id)
        await self._warm_up()
        before, began = self._cpu(), time.perf_counter()
        loop = asyncio.get_running_loop()
        for user in self._users:
            loop.call_later(_random.random() * given.spread, user.claim)
        await self._answers()
        used = {kind: after - before[kind] for kind, after in self._cpu().items()}
        self._show(given, time.perf_counter() - began, used)
        is_true = await self._is_true(bonus_id, given.stock)
        for user in self._users:
            if user.client:
                user.client.transport.abort()
        await asyncio.sleep(0)
        return is_true

    async def _come(self, many: int, bonus_id: str) -> None:
        gate, began = asyncio.Semaphore(AT_ONCE), time.perf_counter()

        async def come(user: User) -> None:
            expires_at = datetime.now(UTC) + timedelta(minutes=4)
            async with gate:
                ticket = Ticket(secrets.token_hex(8), user.user_id, "site", expires_at)
                path = f"/live?ticket={mint(ticket, self._secret)}"
                user.client = await connect(self._running.port, path, user.hear)

        self._users = [User(f"user-{n}", bonus_id) for n in range(many)]
        await asyncio.gather(*(come(user) for user in self._users))
        print(f"{many:,} online after {time.perf_counter() - began:.1f} s", flush=True)

    async def _offer(self, stock: int) -> str:
        """For everyone, and only in the database: the broadcast is not what is measured."""
        db = await asyncpg.connect(self._dsn)
        bonus_id, window = uuid4(), timedelta(seconds=WINDOW_SECONDS)
        create = "select create_bonus($1, $2, 'everyone', null, '{}', '0', $3, $4, null)"
        await db.execute(create, bonus_id, '{"text": "5 coins"}', window, stock)
        await db.close()
        return str(bonus_id)

    async def _warm_up(self) -> None:
        """Until all the functions' processes have started, as they have where users have come."""
        some = self._users[:WARM_UP]
        for user in some:
            if user.client:
                user.client.say(HELLO)
        async with asyncio.timeout(WINDOW_SECONDS):
            while not all(user.is_welcome for user in some):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def _answers(self) -> None:
        """Until all have one, or the window is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WINDOW_SECONDS):
                while any(user.outcome is None for user in self._users):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    def _show(self, given: argparse.Namespace, seconds: float, used: dict[str, float]) -> None:
        took = sorted(user.took for user in self._users if user.took is not None)
        asked = sum(user.asked for user in self._users) / len(self._users)
        refusals = sum((user.refusals for user in self._users), Counter[str]())
        outcomes = Counter(user.outcome or "no answer" for user in self._users)
        what = f"{given.users:,} claims within {given.spread:.2f} s, stock {given.stock:,}"
        what += ", with AWS's quotas" if given.quotas else ""
        answers = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.most_common())
        waits = ", ".join(
            f"{name} {took[min(len(took) - 1, len(took) * percent // 100)]:.2f} s"
            for name, percent in (("p50", 50), ("p99", 99), ("the last", 100))
        )
        told = ", ".join(f"{count:,} {code}" for code, count in refusals.most_common())
        self._say(what, answers)
        self._say("from the claim to its answer", f"{waits}: {len(took) / seconds:,.0f}/s")
        self._say("sent per user; told to come again", f"{asked:.2f}; {told or 'none'}")
        each = ", ".join(f"{kind} {s / len(took) * 1000:.2f}" for kind, s in used.items())
        self._say("milliseconds of processor per claim", each)

    def _say(self, what: str, measured: str) -> None:
        print(f"{what}: {measured}", flush=True)
        self.figures.add(what, measured)

    async def _is_true(self, bonus_id: str, stock: int) -> bool:
        """What the users were told is what the database has."""
        told = {user.user_id for user in self._users if user.outcome == "claimed"}
        db = await asyncpg.connect(self._dsn)
        rows = await db.fetch("select user_id from claims where bonus_id = $1::uuid", bonus_id)
        left = await db.fetchval("select coalesce(sum(remaining), 0) from bonus_stock")
        await db.close()
        granted = {row["user_id"] for row in rows}
        missing = [user.user_id for user in self._users if user.outcome is None]
        expected = min(stock, len(self._users))
        is_true = told == granted and len(granted) == expected and not missing
        print(
            f"{'true' if is_true else 'WRONG'}: granted {len(granted)} of {expected}, told "
            f"{len(told)}, left {left}, without an answer {len(missing)} {missing[:3]}"
        )
        return is_true

    def _cpu(self) -> dict[str, float]:
        """Processor seconds so far, by who used them."""
        gateways, ours = set(self._running.nodes), set(family(self._running.pid))
        used = {"gateway": 0.0, "functions": 0.0, "database": 0.0}
        for pid in family(os.getpid())[1:]:
            kind = "gateway" if pid in gateways else "functions" if pid in ours else "database"
            with contextlib.suppress(OSError):
                used[kind] += cpu_seconds(pid)
        return used | {"clients": time.process_time()}


if __name__ == "__main__":
    sys.exit(main())
