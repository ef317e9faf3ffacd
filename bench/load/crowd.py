"""A process of clients: so many users, and what the run tells them to do.

It is told what to do through a pipe, as (number, what, arguments), and answers ("done", number,
result) when that is done. Once a second it tells what happened: ("report", Report).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import time
from array import array
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import uvloop

from bench.load.pipe import Pipe
from bench.load.tally import Tally
from bench.load.user import Company, Shown, User
from wsgate.open_files import raise_limit

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Sequence

    from bench.load.line import Door
    from bench.load.tally import Wrong
    from bench.load.user import Spell

AT_ONCE = 128
"""Handshakes under way at once of one process; a browser's page has one."""
REPORT_SECONDS = 1.0
STEP_SECONDS = 0.02
SETTLE_SECONDS = 10.0
"""What answers and pushes are waited for, once all is sent."""


@dataclass(frozen=True)
class Plan:
    """The users of one process."""

    names: list[str]
    door: Door
    sources: list[str | None]
    seed: int


NICE = 10
"""Behind the gateway's nodes: what has come in is seen to before more comes."""


def run(plan: Plan, end: socket.socket) -> None:
    """Live until the pipe is closed at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run ends us
    os.nice(NICE)
    raise_limit()
    gc.set_threshold(100_000, 50, 100)  # thousands of users stay, and each pass looks at them all
    uvloop.run(_live(plan, end))


async def _live(plan: Plan, end: socket.socket) -> None:
    await Crowd(plan, await Pipe.over(end)).live()


class Crowd:
    """The users, and what they can be told; each public method is such a thing."""

    def __init__(self, plan: Plan, pipe: Pipe) -> None:
        self._pipe, self._tally = pipe, Tally()
        random = Random(plan.seed)  # noqa: S311 not a secret
        self._company = Company(plan.door, plan.sources, random, self._tally)
        self._users = [User(name, self._company) for name in plan.names]
        self._pinging: asyncio.Task[None] | None = None

    async def live(self) -> None:
        """Do what is told until the pipe is closed."""
        reporting = asyncio.create_task(self._report())
        async for told in self._pipe.things():
            self._company.start(self._do(*told))
        reporting.cancel()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self._pipe.send(("report", self._tally.take()))

    async def _do(self, number: int, what: str, arguments: Sequence[Any]) -> None:
        done: Callable[..., Coroutine[Any, Any, Any]] = getattr(self, what)
        try:
            self._pipe.send(("done", number, await done(*arguments)))
        except Exception as error:
            self._pipe.send(("failed", number, repr(error)))
            raise

    # Online.

    async def come(self, rate: float) -> None:
        """All come online, so many a second."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(user: User) -> None:
            try:
                await user.come()
            finally:
                gate.release()

        coming = []
        async for user in _paced(self._users, rate):
            await gate.acquire()
            coming.append(asyncio.create_task(one(user)))
        await asyncio.gather(*coming)
        gc.freeze()

    async def ping(self, every: float) -> None:
        """From now on each user sends a ping that often, spread evenly; 0 ends that."""
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None
        if every:
            self._pinging = asyncio.create_task(self._ping(every))

    async def _ping(self, every: float) -> None:
        while True:
            async for user in _paced(self._users, max(1e-3, len(self._users) / every)):
                user.ping()

    async def rotate(self, many: int, rate: float) -> None:
        """So many users, each another one, replace their connection."""
        chosen = self._company.random.sample(self._users, min(many, len(self._users)))
        rotating = []
        async for user in _paced(chosen, rate):
            rotating.append(asyncio.create_task(user.rotate()))
        await asyncio.gather(*rotating)

    async def greet(self, rate: float) -> None:
        """All say hello once more, and so learn what the server tells clients now."""
        async for user in _paced(self._users, rate):
            user.greet()
        give_up = time.time() + SETTLE_SECONDS
        while any(user.is_greeting for user in self._users):
            if time.time() > give_up:
                return
            await asyncio.sleep(STEP_SECONDS)

    async def leave(self, rate: float) -> None:
        """All say goodbye, so many a second, and are gone."""
        self._company.is_leaving = True
        await self.ping(0)
        async for user in _paced(self._users, rate):
            user.leave()
        while self._tally.open:  # noqa: ASYNC110  # thousands of lines, and no event for all
            await asyncio.sleep(STEP_SECONDS)

    # What users do.

    async def double(self, many: int) -> None:
        """So many users open a second device."""
        await asyncio.gather(*(user.come() for user in self._users[:many]))

    async def act(self, many: int, times: int, rate: float) -> int:
        """So many users act, so often each. How many came to the other by a push."""
        acts, users = self._company.acts, self._users[:many]
        acts.clear()
        async for user in _paced(users * times, rate):
            user.act()
        await self._until_acts_are_there(SETTLE_SECONDS)
        # A push may be lost: a hello on the device that lacks it brings what it has missed.
        for user in users:
            user.catch_up()
        await self._until_acts_are_there(SETTLE_SECONDS)
        for one in acts.values():
            if one.answers != 1:
                self._tally.wrong(f"an act was answered {one.answers} times", one.user_id)
            if one.pushes > 1:
                self._tally.wrong(f"an act came {one.pushes} times to the other", one.user_id)
            if not one.is_there:
                self._tally.wrong("an act never came to the other device", one.user_id)
        return sum(one.pushes == 1 for one in acts.values())

    async def _until_acts_are_there(self, seconds: float) -> None:
        give_up = time.time() + seconds
        acts = self._company.acts.values()
        while not all(one.answers and one.is_there for one in acts):
            if time.time() > give_up:
                return
            await asyncio.sleep(STEP_SECONDS)

    async def single(self) -> None:
        """Second devices leave."""
        for user in self._users:
            for line in user.lines[1:]:
                line.leave()
        while any(len(user.lines) > 1 for user in self._users):  # noqa: ASYNC110
            await asyncio.sleep(STEP_SECONDS)

    async def wait_for(self, bonus_id: str, seconds: float) -> float | None:
        """When a bonus came first to a screen; None if that takes longer."""
        shown = self._company.shown.setdefault(bonus_id, Shown())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await shown.waiting.wait()
        return min(shown.at.values(), default=None)

    async def shown(self, bonus_id: str) -> array[float]:
        """When a bonus came to each connection."""
        return array("d", self._company.shown.get(bonus_id, Shown()).at.values())

    async def without(self, bonus_id: str) -> list[str]:
        """The users with a connection that has not shown a bonus."""
        at = self._company.shown.get(bonus_id, Shown()).at
        return [
            user.user_id
            for user in self._users
            if any(line.connection_id not in at for line in user.lines)
        ]

    async def claim(self, bonus_id: str, spread: float, until: float) -> dict[str, str]:
        """All ask for a bonus, each at a random moment of `spread`. The answer to each user."""
        self._company.outcomes[bonus_id] = {}

        async def one(user: User) -> None:
            await asyncio.sleep(self._company.random.uniform(0, spread))
            await user.claim(bonus_id, until)

        await asyncio.gather(*(one(user) for user in self._users))
        return self._company.outcomes.pop(bonus_id)

    # What there is.

    async def tell(self) -> None:
        """Report now what happened so far."""
        self._pipe.send(("report", self._tally.take()))

    async def lines(self) -> dict[str, str]:
        """The user of each open connection, by its id."""
        return {
            line.connection_id: user.user_id
            for user in self._users
            for line in user.lines
            if not line.ended_at
        }

    async def names(self) -> list[str]:
        return [user.user_id for user in self._users]

    async def users(self) -> int:
        return len(self._users)

    async def records(self) -> dict[str, list[Spell]]:
        """When each user had a connection."""
        return {user.user_id: user.record() for user in self._users}

    async def wrong(self) -> list[Wrong]:
        """What was wrong since the last time."""
        return self._tally.take_wrong()

    async def away(self) -> int:
        """How many users have no connection that was welcomed."""
        return sum(not any(line.connection_id for line in user.lines) for user in self._users)


async def _paced(users: Sequence[User], rate: float) -> Any:
    """One after the other, so many a second by the clock, however long each takes."""
    began, given = time.perf_counter(), 0
    while given < len(users):
        due = min(len(users), int((time.perf_counter() - began) * rate) + 1)
        for user in users[given:due]:
            yield user
        given = max(given, due)
        await asyncio.sleep(STEP_SECONDS)
