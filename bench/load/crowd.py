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

from bench.load.company import Company, Shown
from bench.load.pace import MAX_STEP_SECONDS, STEP_SECONDS, paced
from bench.load.pipe import Pipe
from bench.load.tally import Tally
from bench.load.user import User
from bench.load.waiting import HANG_SECONDS, LOOKS_PER_SECOND, STALL_SECONDS, until_none
from wsgate.open_files import raise_limit

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from bench.load.company import Spell
    from bench.load.line import Door
    from bench.load.tally import Wrong

REPORT_SECONDS = 1.0
COMING_AT_A_TIME, PINGS_AT_A_TIME = 4, 8


@dataclass(frozen=True)
class Plan:
    """The users of one process."""

    names: list[str]
    door: Door
    sources: list[str | None]
    seed: int
    at_once: int
    """Users who open a connection at once, where nothing was lost."""


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
        self._at_once = plan.at_once
        self._company = Company(plan.door, plan.sources, random, self._tally)
        self._users = [User(name, self._company) for name in plan.names]
        self._pinging: asyncio.Task[None] | None = None
        self._pinged = 0

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
        await self._each(self._users, rate, User.come, COMING_AT_A_TIME)
        gc.freeze()

    async def ping(self, every: float, first: float = 0) -> None:
        """Each user sends a ping that often, spread evenly, from so many seconds on; 0 ends that.

        It goes on behind the user who was the last before.
        """
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None
        if every:
            self._pinging = asyncio.create_task(self._ping(every, first))

    async def _ping(self, every: float, first: float) -> None:
        await asyncio.sleep(first)
        while True:
            rate = max(1e-3, len(self._users) / every)
            async for user in paced(self._users[self._pinged :], rate, PINGS_AT_A_TIME):
                user.ping()
                self._pinged += 1
            self._pinged = 0

    async def pongs(self) -> None:
        """Wait for the answers of all pings."""

        def waits(user: User) -> bool:
            return any(line.pinged_at and not line.ended_at for line in user.lines)

        await self._until_none(self._users, waits, "a ping had no answer")

    async def rotate(self, many: int, rate: float) -> None:
        """So many users, each another one, replace their connection."""
        chosen = self._company.random.sample(self._users, min(many, len(self._users)))
        left = set(chosen)

        async def one(user: User) -> None:
            await user.rotate()
            left.discard(user)

        replacing = asyncio.create_task(self._each(chosen, rate, one))
        await self._until_none(chosen, left.__contains__, "a connection was not replaced")
        replacing.cancel()

    async def _each(
        self,
        users: Sequence[User],
        rate: float,
        do: Callable[[User], Awaitable[None]],
        at_a_time: int = 1,
    ) -> None:
        """Begin with so many a second at most, and not more at once than a machine can serve."""
        gate, begun = asyncio.Semaphore(self._at_once), []

        async def one(user: User) -> None:
            try:
                await do(user)
            finally:
                gate.release()

        async for user in paced(users, rate, at_a_time):
            await gate.acquire()
            begun.append(asyncio.create_task(one(user)))
        await asyncio.gather(*begun)

    async def greet(self, rate: float) -> None:
        """All say hello once more, and so learn what the server tells clients now."""
        async for user in paced(self._users, rate):
            user.greet()
        await self._until_none(self._users, lambda user: user.is_greeting, "a hello had no answer")

    async def _until_none(
        self, users: Sequence[User], is_so: Callable[[User], bool], fault: str
    ) -> None:
        """Wait until it is so of no user; of those that hang, the fault is said."""

        async def count() -> int:
            return sum(map(is_so, users))

        if await until_none(count, every=MAX_STEP_SECONDS + len(users) / LOOKS_PER_SECOND):
            for user in filter(is_so, users):
                self._tally.wrong(fault, user.user_id)

    async def cut(self, at: float) -> None:
        """The run cuts lines at this moment."""
        self._company.cut_at = at

    async def windows(self) -> tuple[float, float]:
        """The shortest and the longest time, in seconds, in which users would come back."""
        windows = [user.window for user in self._users]
        return min(windows), max(windows)

    async def leave(self, rate: float) -> None:
        """All say goodbye, so many a second, and are gone."""
        self._company.is_leaving = True
        await self.ping(0)
        async for user in paced(self._users, rate):
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
        async for user in paced(users * times, rate):
            user.act()

        async def missing() -> int:
            return sum(not (one.answers and one.is_there) for one in acts.values())

        async def again() -> None:
            for user in users:
                user.act_again()

        await until_none(missing, again, every=STEP_SECONDS)
        for one in acts.values():
            if one.fault:
                self._tally.wrong(one.fault, one.user_id)
        return sum(one.pushes > 0 for one in acts.values())

    async def single(self) -> None:
        """Second devices leave."""
        for user in self._users:
            for line in user.lines[1:]:
                line.leave()
        while any(len(user.lines) > 1 for user in self._users):  # noqa: ASYNC110
            await asyncio.sleep(STEP_SECONDS)

    async def wait_for(self, bonus_id: str, user_id: str) -> float | None:
        """When a bonus for a user came first to a screen; None if it hangs."""
        shown = self._company.shown.setdefault(bonus_id, Shown())
        (user,) = (user for user in self._users if user.user_id == user_id)
        give_up = time.monotonic() + HANG_SECONDS
        while not shown.waiting.is_set() and time.monotonic() < give_up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STALL_SECONDS):
                    await shown.waiting.wait()
                    break
            user.greet()
        return min((*shown.at.values(), *shown.found.values()), default=None)

    async def shown(self, bonus_id: str) -> array[float]:
        """When a bonus was pushed to each connection."""
        return array("d", self._company.shown.get(bonus_id, Shown()).at.values())

    async def without(self, bonus_id: str) -> list[str]:
        """The users with a connection that does not know of a bonus."""
        return [user.user_id for user in self._without(bonus_id)]

    async def missing(self, bonus_id: str) -> int:
        """How many users have such a connection."""
        return len(self._without(bonus_id))

    async def look_for(self, bonus_id: str) -> None:
        """They say hello, as a client does that may have missed something."""
        self._company.shown.setdefault(bonus_id, Shown())
        for user in self._without(bonus_id):
            user.greet()

    def _without(self, bonus_id: str) -> list[User]:
        shown = self._company.shown.get(bonus_id, Shown())
        return [
            user
            for user in self._users
            if not all(shown.has(line.connection_id) for line in user.lines)
        ]

    async def pushed_again(self) -> dict[str, list[str]]:
        """The users that a bonus was pushed to once more since the last time, by bonus."""
        again = {}
        for bonus_id, shown in self._company.shown.items():
            if shown.again:
                again[bonus_id], shown.again = shown.again, []
        return again

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
