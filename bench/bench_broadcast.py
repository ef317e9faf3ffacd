"""From the button to the screen, through wsgate: `make bench-broadcast`.

One gateway with the project's own functions, PostgreSQL as `make run` starts it, all users on real
sockets with heartbeats. First a bonus for one user, again and again, while the others are online;
then one bonus for everyone: when has the last of them got it? With --faults the gateway answers 429
for one post in ten and 410 for one in fifty, a push worker is killed, and the queue delivers twice:
then everyone must have the bonus once on the screen, or the counters say why not.

Clients, gateway, functions and database share this machine's processors.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop

from bench.support.clients import Client, connect, text_frame
from bench.support.figures import Figures, add_write_option
from bench.support.gateways import Gateway, cpu_seconds, family
from bench.support.systems import whole_system
from handlers.core.ticket import Ticket, mint
from postgres import Postgres
from wsgate.open_files import raise_limit

AT_ONCE = 32
PING = text_frame('{"action":"ping"}')
# As the browser client's own heartbeats.
PING_EVERY_SECONDS = 25
WINDOW_SECONDS = 60
ANSWER_TIMEOUT_SECONDS = 30
QUIET_SECONDS = 2
# Each bonus for one user leaves two messages in the queue, of 5 and 7 seconds later; the local one
# takes its time with hundreds of them.
SETTLE_SECONDS = 15
FAULTS = ("management_throttled=0.1", "management_gone=0.02", "queue_twice=1", "seed=7")


@dataclass
class Screen:
    """A user with one connection, and when each bonus came to it."""

    user_id: str
    client: Client | None = None
    shown: dict[str, float] = field(default_factory=dict)
    """When a bonus came first, by its id."""
    heard: Counter[str] = field(default_factory=Counter)
    """How often it came."""

    def hear(self, client: Client, payload: bytes) -> None:
        if b'"bonus_id"' not in payload:
            return
        message = json.loads(payload)
        bonus = message.get("bonus") or message["event"]["body"]
        self.shown.setdefault(bonus["bonus_id"], time.perf_counter())
        self.heard[bonus["bonus_id"]] += 1
        if bonus["acknowledge"]:
            said = {"action": "ack", "id": secrets.token_hex(8), "bonus_id": bonus["bonus_id"]}
            client.say(text_frame(json.dumps(said)))


def main() -> int:
    """1 when somebody has not got the bonus and no counter says why."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--online", type=int, default=15_000, help="users of the broadcast")
    parser.add_argument("--others", type=int, default=10_000, help="users beside the one")
    parser.add_argument("--times", type=int, default=200, help="bonuses for one user")
    parser.add_argument("--faults", action="store_true", help="429, 410, a killed worker, twice")
    add_write_option(parser)
    given = parser.parse_args()
    raise_limit()
    faults = [word for fault in FAULTS if given.faults for word in ("--fault", fault)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres(Path(folder) / "postgres") as dsn,
        whole_system(dsn, Path(folder) / "log.txt", *faults) as (running, secret, token),
    ):
        figures = (
            Figures("broadcast-faults", "--faults --write") if faults else Figures("broadcast")
        )
        story = Story(secret, token, figures)
        is_true = uvloop.run(story.play(running, given))
    if given.write:
        story.figures.write()
    return 0 if is_true else 1


class Story:
    """The run of it."""

    def __init__(self, secret: str, token: str, figures: Figures) -> None:
        self._secret, self._token = secret, token
        self.figures = figures
        self._screens: list[Screen] = []

    async def play(self, running: Gateway, given: argparse.Namespace) -> bool:
        self._running = running
        beating = asyncio.create_task(self._beat())
        await self._arrive(given.others + 1)
        await self._for_one(given.times)
        await self._arrive(given.online)
        await asyncio.sleep(SETTLE_SECONDS)
        everyone_has_it = await self._for_everyone(has_faults=given.faults)
        beating.cancel()
        for screen in self._screens:
            if screen.client:
                screen.client.transport.abort()
        await asyncio.sleep(0)
        return everyone_has_it

    async def _arrive(self, many: int) -> None:
        """Until so many are online."""
        gate, began, before = asyncio.Semaphore(AT_ONCE), time.perf_counter(), len(self._screens)

        async def come(screen: Screen) -> None:
            expires_at = datetime.now(UTC) + timedelta(minutes=1)
            async with gate:
                ticket = Ticket(secrets.token_hex(8), screen.user_id, "site", expires_at)
                path = f"/live?ticket={mint(ticket, self._secret)}"
                screen.client = await connect(self._running.port, path, screen.hear)

        new = [Screen(f"{secrets.token_hex(4)}-{n}") for n in range(before, many)]
        self._screens += new
        await asyncio.gather(*(come(screen) for screen in new))
        seconds = time.perf_counter() - began
        print(f"{many:,} online ({len(new) / seconds:,.0f} handshakes/s)", flush=True)

    async def _beat(self) -> None:
        while True:
            for screen in list(self._screens):
                if screen.client and screen.client.opened is None:
                    screen.client.say(PING)
                await asyncio.sleep(PING_EVERY_SECONDS / max(1, len(self._screens)))
            await asyncio.sleep(0)

    # One user.

    async def _for_one(self, times: int) -> None:
        waits = []
        for n in range(times):
            screen = self._screens[n * 7919 % len(self._screens)]
            pressed = time.perf_counter()
            bonus_id = await self._press({"kind": "users", "user_ids": [screen.user_id]})
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                while bonus_id not in screen.shown:  # noqa: ASYNC110  # a socket's callback sets it
                    await asyncio.sleep(0.001)
            waits.append((screen.shown[bonus_id] - pressed) * 1000)
        waits.sort()
        print(
            f"one user, {len(self._screens) - 1:,} others online: from the button to the screen "
            f"p50 {_at(waits, 50):.0f} ms, p99 {_at(waits, 99):.0f} ms, most {waits[-1]:.0f} ms, "
            f"{times} times",
            flush=True,
        )
        self.figures.add(
            f"from the button to the screen of one user, {len(self._screens) - 1:,} others online,"
            f" {times} times",
            f"p50 {_at(waits, 50):.0f} ms, p99 {_at(waits, 99):.0f} ms, maximum {waits[-1]:.0f} ms",
        )

    # Everyone.

    async def _for_everyone(self, *, has_faults: bool) -> bool:
        used, pressed = self._cpu(), time.perf_counter()
        bonus_id = await self._press({"kind": "everyone"})
        if has_faults:
            await self._kill_a_worker(bonus_id)
        progress = await self._progress(bonus_id)
        waits = sorted(
            screen.shown[bonus_id] - pressed for screen in self._screens if bonus_id in screen.shown
        )
        if waits:
            self._show(waits, {name: after - used[name] for name, after in self._cpu().items()})
        return self._reconcile(bonus_id, progress)

    def _show(self, waits: list[float], used: dict[str, float]) -> None:
        print(
            f"everyone, {len(self._screens):,} online: the first after {waits[0] * 1000:.0f} ms, "
            f"half after {_at(waits, 50):.2f} s, 99 % after {_at(waits, 99):.2f} s, "
            f"the last after {waits[-1]:.2f} s: {len(waits) / waits[-1]:,.0f}/s"
        )
        self.figures.add(
            f"a bonus for everyone, {len(self._screens):,} online on one gateway",
            f"the first after {waits[0]:.1f} s, half after {_at(waits, 50):.1f} s,"
            f" the last after {waits[-1]:.1f} s: {len(waits) / waits[-1]:,.0f}/s",
        )
        print(
            "processor time meanwhile: "
            + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in used.items()),
            flush=True,
        )

    def _reconcile(self, bonus_id: str, progress: dict[str, Any]) -> bool:
        got = sum(bonus_id in screen.shown for screen in self._screens)
        again = sum(
            screen.heard[bonus_id] - 1 for screen in self._screens if screen.heard[bonus_id]
        )
        missing = len(self._screens) - got
        counted = progress["gone"] + progress["undelivered"] + progress["dropped"]
        print(
            f"on {got:,} screens; came again {again} times (a screen shows it once); "
            f"missing {missing}; counters: {json.dumps(progress)}"
        )
        self.figures.add(
            "connections without it; counted as gone, undelivered or dropped",
            f"{missing:,}; {counted:,}",
        )
        return bool(missing <= counted and progress["is_done"])

    async def _progress(self, bonus_id: str) -> dict[str, Any]:
        """When the broadcast is done, or its window is over, and nothing is on its way any more."""
        progress: dict[str, Any] = {}
        async with asyncio.timeout(WINDOW_SECONDS + ANSWER_TIMEOUT_SECONDS):
            while not progress.get("is_done"):
                await asyncio.sleep(0.5)
                progress = (await self._ask("GET", f"/bonuses/{bonus_id}"))["broadcast"]
        await asyncio.sleep(QUIET_SECONDS)
        return progress

    async def _kill_a_worker(self, bonus_id: str) -> None:
        """The one that has worked most, in the midst of it."""
        before = {pid: cpu_seconds(pid) for pid in self._processes("BroadcastFunction")}
        while sum(bonus_id in screen.shown for screen in self._screens) < len(self._screens) / 10:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        worked = {
            pid: cpu_seconds(pid) - before.get(pid, 0)
            for pid in self._processes("BroadcastFunction")
        }
        os.kill(max(worked, key=lambda pid: worked[pid]), signal.SIGKILL)
        print(f"killed the busiest of {len(worked)} push workers", flush=True)

    # The system.

    async def _press(self, audience: dict[str, Any]) -> str:
        order = {
            "reward": {"text": "5 coins"},
            "audience": audience,
            "window_seconds": WINDOW_SECONDS,
        }
        return str((await self._ask("POST", "/bonuses", order))["bonus_id"])

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._running.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def _cpu(self) -> dict[str, float]:
        """Processor seconds so far, by who used them. PostgreSQL is not among them."""
        workers = self._processes("BroadcastFunction")
        return {
            "gateway": sum(cpu_seconds(pid) for pid in self._running.nodes),
            "push workers": sum(cpu_seconds(pid) for pid in workers),
            "these clients": time.process_time(),
        }

    def _processes(self, function: str) -> list[int]:
        """The execution environments of a function."""
        found = []
        for pid in family(self._running.pid):
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                if function.encode() in environment:
                    found.append(pid)
        return found


def _at(ordered: list[float], percentile: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percentile // 100)]


if __name__ == "__main__":
    sys.exit(main())
