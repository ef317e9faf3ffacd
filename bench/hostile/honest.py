"""The honest users of `bench_hostile.py`, in a process of their own.

Each has one connection and acts at its own times, whether or not the last act has been answered: a
slow system does not get fewer acts. Each act is printed: when it was due, and how long it took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvloop

from bench.hostile.tickets import Door
from bench.support.clients import Client, connect, text_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_ONCE = 32
LATE_SECONDS = 10.0
"""An act without an answer is taken for that slow."""


@dataclass
class User:
    """One connection, and its acts that have no answer yet: when each was due, by its id."""

    client: Client | None = None
    due: dict[str, float] = field(default_factory=dict)
    took: list[tuple[float, float]] = field(default_factory=list)

    def act(self, due: float) -> None:
        id_ = secrets.token_hex(8)
        self.due[id_] = due
        said = {"action": "act", "id": id_, "type": "like", "body": {"picture": 7}}
        if self.client and not self.client.transport.is_closing():
            self.client.say(text_frame(json.dumps(said)))

    def hear(self, _client: Client, payload: bytes) -> None:
        message: Mapping[str, object] = json.loads(payload)
        due = self.due.pop(str(message.get("re")), None)
        if message.get("type") == "acted" and due is not None:
            self.took.append((due, time.time() - due))


async def run(door: Door, many: int, every: float) -> None:
    """Act until the standard input ends."""
    users = [User() for _ in range(many)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def come(user: User, name: str) -> None:
        async with gate:
            user.client = await connect(door.port, door.path(name), user.hear)

    run_id = secrets.token_hex(4)
    await asyncio.gather(*(come(user, f"honest-{run_id}-{n}") for n, user in enumerate(users)))
    print("ready", flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    due, n = time.time(), 0
    while not ended.done():
        users[n % many].act(due)
        due, n = due + every / many, n + 1
        await asyncio.sleep(max(0.0, due - time.time()))
    await asyncio.sleep(1)
    lost = [(at, LATE_SECONDS) for user in users for at in user.due.values()]
    print(json.dumps([one for user in users for one in user.took] + lost), flush=True)


def main() -> None:
    """Say `ready`, act until the input ends, then print `[[due, seconds], …]` as one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="what `run.py --folder` was given")
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--every", type=float, required=True, help="seconds between a user's acts")
    given = parser.parse_args()
    uvloop.run(run(Door.of(given.folder), given.users, given.every))


if __name__ == "__main__":
    main()
