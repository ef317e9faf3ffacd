"""The hostile user of `bench_hostile.py`, in a process of their own: 50 connections.

A lost connection is opened again, with a new ticket, once a second. What comes back is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvloop

from bench.hostile.tickets import Door
from bench.support.clients import Client, Refused, connect, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABS = 50
AGAIN_SECONDS = 1.0
BODY = {"t": "x" * 16_000}
NOTHING = {"error", "pong", "error of the gateway"}
"""Answers that tell nothing."""


def bad_json() -> Iterator[str]:
    return itertools.repeat("{")


def pings() -> Iterator[str]:
    return itertools.repeat('{"action":"ping"}')


def moves() -> Iterator[str]:
    for n in itertools.count():
        yield json.dumps({"action": "watch", "id": f"w{n}", "resource": ("site", "stream")[n % 2]})


def repeats() -> Iterator[str]:
    return itertools.repeat(json.dumps({"action": "act", "id": "a", "type": "x", "body": BODY}))


def acts() -> Iterator[str]:
    while True:
        id_ = secrets.token_hex(8)
        yield json.dumps({"action": "act", "id": id_, "type": "x", "body": BODY})


def everything() -> Iterator[str]:
    kinds = itertools.cycle((bad_json(), pings(), moves(), repeats(), acts()))
    return (next(kind) for kind in kinds)


MIXES: dict[str, Callable[[], Iterator[str]]] = {
    "bad JSON": bad_json,
    "pings": pings,
    "moves": moves,
    "repeats": repeats,
    "everything": everything,
    "as much as is allowed": acts,
}


@dataclass
class Attack:
    """One user, who sends `rate` messages a second over all connections, or as many as allowed."""

    door: Door
    user_id: str
    messages: Iterator[str]
    rate: float
    is_patient: bool
    """Waits for `retry_after_ms`, and so is never kept out."""
    tabs: list[Client] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    sent = received = pushes = 0
    waits_until = 0.0

    def hear(self, _client: Client, payload: bytes) -> None:
        message = json.loads(payload)
        kind = message.get("type", "error of the gateway")
        self.heard[message.get("code", kind)] += 1
        if kind not in NOTHING:
            self.received += len(payload)
            self.pushes += "re" not in message
        if self.is_patient and kind == "error":
            self.waits_until = time.time() + message.get("retry_after_ms", 0) / 1000

    async def run(self, seconds: float) -> None:
        ends = time.time() + seconds
        opening = [asyncio.create_task(self._stay_open(ends)) for _ in range(TABS)]
        due = time.time()
        while due < ends:
            open_tabs = [tab for tab in self.tabs if not tab.transport.is_closing()]
            if open_tabs and time.time() >= self.waits_until:
                open_tabs[self.sent % len(open_tabs)].say(text_frame(next(self.messages)))
                self.sent += 1
            due += 1 / self.rate
            await asyncio.sleep(max(0.0, due - time.time()))
        await asyncio.gather(*opening)

    async def _stay_open(self, ends: float) -> None:
        while time.time() < ends:
            with contextlib.suppress(Refused, OSError):
                tab = await connect(self.door.port, self.door.path(self.user_id), self.hear)
                self.heard["opened"] += 1
                self.tabs.append(tab)
                while not tab.is_closed and time.time() < ends:  # noqa: ASYNC110  # a callback sets it
                    await asyncio.sleep(0.05)
                self.tabs.remove(tab)
                self.heard["closed"] += tab.is_closed
                tab.transport.abort()
            await asyncio.sleep(AGAIN_SECONDS)
            self.heard["attempts"] += 1


def main() -> None:
    """Attack for so many seconds, then print what came of it as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="what `run.py --folder` was given")
    parser.add_argument("mix", choices=MIXES)
    parser.add_argument("--user", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True, help="messages per second")
    given = parser.parse_args()
    is_patient = given.mix == "as much as is allowed"
    attack = Attack(Door.of(given.folder), given.user, MIXES[given.mix](), given.rate, is_patient)
    uvloop.run(attack.run(given.seconds))
    print(
        json.dumps(
            {
                "sent": attack.sent,
                "pushes": attack.pushes,
                "bytes": attack.received,
                "heard": attack.heard,
            }
        )
    )


if __name__ == "__main__":
    main()
