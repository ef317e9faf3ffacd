"""What the users of a process share, and what they keep: lines, acts, bonuses, claims."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.load.comeback import retry
from bench.support.clients import text_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from bench.load.line import Door, Line
    from bench.load.tally import Tally

AGAIN_SECONDS = 30.0
"""After so long a claim without an answer is sent again: client/src/outbox.js."""
MAX_ROUNDS = 3
"""A bonus that is not acknowledged in time is pushed again, twice at most."""


class Spell(NamedTuple):
    """A time with a line at least: from its handshake's begin and end to its end."""

    started_at: float
    opened_at: float
    ended_at: float
    """When the client said goodbye, or saw that the line was lost."""
    cut_at: float | None = None
    """When the run cut the line, which a busy client sees later."""

    @property
    def left_at(self) -> float:
        """Until when the line was there for certain."""
        return self.ended_at if self.cut_at is None else self.cut_at


@dataclass
class Act:
    """Something that one device of a user did, and what came of it."""

    user_id: str
    sent_at: float
    times_sent: int = 0
    answers: int = 0
    pushes: int = 0
    is_missed: bool = False
    """It came by a hello."""

    @property
    def is_there(self) -> bool:
        """Whether the other device knows of it."""
        return self.is_missed or self.pushes > 0

    @property
    def fault(self) -> str | None:
        """What is wrong with it. One that was sent again may have an answer and a push for each."""
        if not self.answers:
            return "an act was never answered"
        if not self.is_there:
            return "an act never came to the other device"
        if self.answers > self.times_sent:
            return "an act was answered more often than it was sent"
        if self.pushes > self.times_sent:
            return "an act came to the other device more often than it was sent"
        return None


@dataclass
class Shown:
    """What came of a bonus, by connection."""

    at: dict[str, float] = field(default_factory=dict)
    """When it was pushed first."""
    pushes: Counter[str] = field(default_factory=Counter)
    again: list[str] = field(default_factory=list)
    """The users that it was pushed to once more, though it asks for no acknowledgement."""
    found: dict[str, float] = field(default_factory=dict)
    """When a welcome brought it that had not been pushed."""
    unacked: set[str] = field(default_factory=set)
    """Which have to acknowledge it."""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    broadcast: int | None = None
    """What offered it, by its place in the stream of broadcasts; None for listed users."""

    def has(self, connection_id: str) -> bool:
        """Whether a connection knows of it."""
        return connection_id in self.at or connection_id in self.found

    def push(self, connection_id: str, user_id: str, tally: Tally, *, acknowledge: bool) -> None:
        """It was pushed to a connection."""
        self.pushes[connection_id] += 1
        if connection_id not in self.at:
            self.at[connection_id] = time.time()
            self.waiting.set()
            tally.count("bonuses shown")
        elif not acknowledge:
            self.again.append(user_id)
        elif self.pushes[connection_id] <= MAX_ROUNDS:
            tally.count("bonuses told again")
        else:
            tally.wrong("a bonus was told too often", user_id)

    def find(self, connection_id: str) -> None:
        """A welcome has it: the first that is heard of it, if its push was lost."""
        if not self.has(connection_id):
            self.found[connection_id] = time.time()
            self.waiting.set()


@dataclass
class Company:
    """What the users of a process share."""

    door: Door
    sources: list[str | None]
    random: Random
    tally: Tally
    acts: dict[str, Act] = field(default_factory=dict)
    shown: dict[str, Shown] = field(default_factory=dict)
    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    """The answer to each user's claim, by bonus and user."""
    cut_at: float | None = None
    """When the run cut lines the last time."""
    is_leaving: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.tally.wrong("a client failed", repr(error))

    def pause(self, message: dict[str, Any], tries: int) -> float:
        """How long to wait, in seconds, before a request is sent again that was put off."""
        at_least = message.get("retry_after_ms", 0) / 1000
        return retry(message["code"], tries, at_least, self.random.random())

    def cut(self, line: Line) -> float | None:
        """When the run cut a line that has ended; None if it did not."""
        if line.is_ours or self.cut_at is None:
            return None
        return self.cut_at if line.opened_at < self.cut_at < line.ended_at else None


class Claim:
    """The claim of a user: sent until it has an answer."""

    __slots__ = ("_answer", "_company", "_user_id", "id_")

    def __init__(self, user_id: str, company: Company) -> None:
        self._user_id, self._company = user_id, company
        self.id_ = ""
        self._answer: asyncio.Future[dict[str, Any]] | None = None

    async def send(self, bonus_id: str, until: float, say: Callable[[bytes], None]) -> None:
        """Ask for a bonus until there is an answer, at most until then."""
        company, began, tries = self._company, time.time(), 0
        self.id_ = secrets.token_hex(8)
        said = {"action": "claim", "id": self.id_, "bonus_id": bonus_id}
        frame = text_frame(json.dumps(said))
        while time.time() < until:
            company.tally.count("claims sent")
            self._answer = asyncio.get_running_loop().create_future()
            say(frame)
            answer = await self._wait(min(AGAIN_SECONDS, until - time.time()))
            if "outcome" in answer:
                company.tally.wait("claim", time.time() - began)
                company.outcomes.setdefault(bonus_id, {})[self._user_id] = answer["outcome"]
                return
            if answer:
                company.tally.count(f"claims put off: {answer['code']}")
                await asyncio.sleep(company.pause(answer, tries))
                tries += 1

    async def _wait(self, seconds: float) -> dict[str, Any]:
        """The answer, or an error; empty when none came in time."""
        assert self._answer
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            return {}
        finally:
            self._answer = None

    def settle(self, id_: str | None, answer: dict[str, Any]) -> None:
        """Take an answer or an error, if it is about this claim."""
        if id_ == self.id_ and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
