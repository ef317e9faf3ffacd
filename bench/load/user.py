"""A user as the browser client is one: says hello, answers, comes back, and keeps a record.

What is asked of the server must be answered, and what is pushed must come once: what is not so is
told to the tally as wrong.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from bench.load.comeback import UNTOLD, pause, retry
from bench.support.clients import Client, Refused, text_frame

if TYPE_CHECKING:
    from random import Random

    from bench.load.line import Door, Line
    from bench.load.tally import Tally

READY_SECONDS = 30.0
"""From the ticket to the welcome, and for the answer of a request: client/src/connection.js."""
LATER = {"unavailable", "slow_down"}
"""Errors after which the same request is sent again."""
FAILED = (Refused, OSError, TimeoutError)
PONG_SECONDS = 60.0
"""The browser client gives a connection up after ten: here, a busy machine shall not decide."""
PING = text_frame('{"action":"ping"}')
_PONG = b'{"type":"pong"'
_decode = msgspec.json.Decoder().decode


class Spell(NamedTuple):
    """A time with a line at least: from its handshake's begin and end to its end."""

    started_at: float
    opened_at: float
    ended_at: float


@dataclass
class Act:
    """Something that one device of a user did, and what came of it."""

    user_id: str
    sent_at: float
    answers: int = 0
    pushes: int = 0
    is_missed: bool = False
    """It came by a hello."""

    @property
    def is_there(self) -> bool:
        """Whether the other device knows of it."""
        return self.is_missed or self.pushes > 0


@dataclass
class Shown:
    """When a bonus came first to each connection, and which have acknowledged it."""

    at: dict[str, float] = field(default_factory=dict)
    acked: set[str] = field(default_factory=set)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)


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


class User:
    """One user, with one line or several."""

    __slots__ = (
        "_answer",
        "_broadcasts",
        "_claim_id",
        "_company",
        "_epoch",
        "_seq",
        "_since",
        "_window",
        "is_greeting",
        "lines",
        "spells",
        "user_id",
    )

    def __init__(self, user_id: str, company: Company) -> None:
        self.user_id, self._company = user_id, company
        self.lines: list[Line] = []
        self.spells: list[Spell] = []
        self._since: tuple[float, float] = (0.0, 0.0)
        self._seq, self._epoch, self._broadcasts = 0, "", 0
        self._window = UNTOLD
        self.is_greeting = False
        self._claim_id = ""
        self._answer: asyncio.Future[dict[str, Any]] | None = None

    # Come, stay, go.

    async def come(self) -> None:
        """Be online; a refusal is taken as the browser client takes it."""
        attempt = 0
        while not self._company.is_leaving:
            try:
                await self._attempt()
            except FAILED:
                attempt += 1
                await self._wait(attempt)
            else:
                return

    async def rotate(self) -> None:
        """Replace a connection that works, as every one is before its two hours end."""
        old = self.lines[0] if self.lines else None
        try:
            await self._attempt()
        except FAILED:
            self._company.tally.count("rotations refused")
        else:
            if old:
                old.leave()

    def leave(self) -> None:
        for line in self.lines:
            line.leave()

    def ping(self) -> None:
        tally, now = self._company.tally, time.time()
        for line in self.lines:
            if line.ended_at:
                continue
            if not line.pinged_at:
                line.pinged_at = now
                line.say(PING)
                tally.count("pings")
            elif now - line.pinged_at > PONG_SECONDS:
                tally.wrong("a ping had no answer", self.user_id)
                line.pinged_at = 0.0

    def record(self) -> list[Spell]:
        """When there was a line; an open one counts up to now."""
        if self.lines and not self.lines[0].ended_at:
            return [*self.spells, Spell(*self._since, time.time())]
        return self.spells

    async def _attempt(self) -> None:
        """A ticket, a handshake, a hello. Raises what FAILED names."""
        company, tally, began = self._company, self._company.tally, time.time()
        tally.count("attempts")
        line = None
        try:
            async with asyncio.timeout(READY_SECONDS):
                source = company.random.choice(company.sources)
                line = await company.door.open(self.user_id, self, source)
                self._opened(line)
                tally.wait("connect", line.opened_at - began)
                self._hello(line)
                await line.welcomed
        except FAILED as error:
            tally.count(f"refused: {refusal(error)}")
            if line is not None:
                line.leave()
            raise
        tally.wait("hello", time.time() - line.opened_at)

    def _opened(self, line: Line) -> None:
        if not self.lines:
            self._since = (line.started_at, line.opened_at)
        self.lines.append(line)
        self._company.tally.open += 1

    def lost(self, line: Line) -> None:
        if line not in self.lines:
            return
        self.lines.remove(line)
        company = self._company
        company.tally.open -= 1
        if not self.lines:
            self.spells.append(Spell(*self._since, line.ended_at))
        if not line.is_ours and line.connection_id:
            company.tally.count("lost")
            if not company.is_leaving:
                company.start(self._come_back())

    async def _come_back(self) -> None:
        lost_at, attempt, tally = time.time(), 0, self._company.tally
        while True:
            await self._wait(attempt)
            if self._company.is_leaving:
                return
            tally.count("tries to come back")
            try:
                await self._attempt()
            except FAILED:
                attempt += 1
            else:
                tally.count("back")
                tally.wait("back", time.time() - lost_at)
                return

    async def _wait(self, attempt: int) -> None:
        await asyncio.sleep(pause(attempt, self._window, self._company.random.random()))

    # What is said.

    def _hello(self, line: Line) -> None:
        said: dict[str, Any] = {"action": "hello", "id": "hello"}
        if self._epoch:
            said |= {"since": self._seq, "epoch": self._epoch, "broadcasts_since": self._broadcasts}
        line.say(text_frame(json.dumps(said)))

    def greet(self) -> None:
        """Say hello on a connection that has said it before."""
        if self.lines and not self.lines[0].ended_at:
            self.is_greeting = True
            self._hello(self.lines[0])

    def act(self) -> None:
        """Do something on the first device; the others shall hear of it."""
        id_ = secrets.token_hex(8)
        self._company.acts[id_] = Act(self.user_id, time.time())
        said = {"action": "act", "id": id_, "type": "like", "body": {"picture": 7}}
        self.lines[0].say(text_frame(json.dumps(said)))

    def catch_up(self) -> None:
        """Ask for what the second device has missed, if it has missed an act."""
        acts = self._company.acts.values()
        if any(act.user_id == self.user_id and not act.is_there for act in acts):
            for line in self.lines[1:]:
                line.say(text_frame('{"action":"hello","id":"hello"}'))

    async def claim(self, bonus_id: str, until: float) -> None:
        """Ask for a bonus until there is an answer, at most until then."""
        company, began, tries = self._company, time.time(), 0
        self._claim_id = secrets.token_hex(8)
        said = {"action": "claim", "id": self._claim_id, "bonus_id": bonus_id}
        frame = text_frame(json.dumps(said))
        while time.time() < until:
            company.tally.count("claims sent")
            answer = await self._ask(frame, min(READY_SECONDS, until - time.time()))
            if "outcome" in answer:
                company.tally.wait("claim", time.time() - began)
                outcomes = company.outcomes.setdefault(bonus_id, {})
                outcomes[self.user_id] = answer["outcome"]
                return
            if answer:
                company.tally.count(f"claims put off: {answer['code']}")
                await asyncio.sleep(self._pause(answer, tries))
                tries += 1

    async def _ask(self, frame: bytes, seconds: float) -> dict[str, Any]:
        """The answer to a claim, or an error; empty when none came in time."""
        self._answer = asyncio.get_running_loop().create_future()
        if self.lines:
            self.lines[0].say(frame)
        try:
            async with asyncio.timeout(seconds):
                return await self._answer
        except TimeoutError:
            return {}
        finally:
            self._answer = None

    def _pause(self, answer: dict[str, Any], tries: int) -> float:
        at_least = answer.get("retry_after_ms", 0) / 1000
        return retry(answer["code"], tries, at_least, self._company.random.random())

    # What is heard.

    def heard(self, client: Client, payload: bytes) -> None:
        line = cast("Line", client)
        if payload.startswith(_PONG):
            if line.pinged_at:  # an answer that was given up comes late
                self._company.tally.wait("ping", time.time() - line.pinged_at)
            line.pinged_at = 0.0
            return
        message = _decode(payload)
        match message.get("type"):
            case "welcome":
                self._welcome(line, message)
            case "bonus":
                self._show(line, message["bonus"])
            case "event":
                self._event(line, message["event"])
            case "acted":
                self._acted(message["event"])
            case "acked":
                bonus_id = message["re"]
                self._company.shown[bonus_id].acked.add(line.connection_id)
            case "claim":
                self._settle(message["re"], message)
            case "error":
                self._error(line, message)
            case None:  # the gateway's own: it does not say which message it is about
                self._company.tally.count("error frames of the gateway")
                line.pinged_at = 0.0
                self._put_off(line, {"code": message.get("message", "")})

    def _welcome(self, line: Line, message: dict[str, Any]) -> None:
        tally = self._company.tally
        line.connection_id = message["connection_id"]
        self.is_greeting = False
        self._seq, self._epoch = max(self._seq, message["seq"]), message["epoch"]
        self._broadcasts = message["broadcasts"]["seq"]
        self._window = message.get("reconnect_within_ms", 1000 * UNTOLD) / 1000
        if message["user_id"] != self.user_id:
            tally.wrong("a welcome for another user", self.user_id)
        if not message["is_counted"]:
            tally.wrong("a connection that is open was ended wrongly", self.user_id)
        for event in message["events"]:
            if act := self._company.acts.get(event["id"]):
                act.is_missed = True
        if not line.welcomed.done():
            line.welcomed.set_result(None)

    def _event(self, line: Line, event: dict[str, Any]) -> None:
        self._seq = max(self._seq, event["seq"])
        if event["type"] == "bonus.offered":
            self._show(line, event["body"])
        elif act := self._company.acts.get(event["id"]):
            act.pushes += 1
            self._company.tally.wait("act on the other device", time.time() - act.sent_at)

    def _acted(self, event: dict[str, Any]) -> None:
        self._seq = max(self._seq, event["seq"])
        if act := self._company.acts.get(event["id"]):
            act.answers += 1
            self._company.tally.wait("act", time.time() - act.sent_at)

    def _show(self, line: Line, bonus: dict[str, Any]) -> None:
        if bonus["outcome"] is not None:
            return
        bonus_id, company = bonus["bonus_id"], self._company
        shown = company.shown.setdefault(bonus_id, Shown())
        if line.connection_id not in shown.at:
            shown.at[line.connection_id] = time.time()
            shown.waiting.set()
            company.tally.count("bonuses shown")
        elif bonus["acknowledge"] and line.connection_id not in shown.acked:
            company.tally.count("bonuses told again")  # as asked for: not acknowledged in time
        else:
            company.tally.wrong("a bonus came twice on one connection", self.user_id)
        if bonus["acknowledge"]:
            said = {"action": "ack", "id": bonus_id, "bonus_id": bonus_id}
            line.say(text_frame(json.dumps(said)))

    def _error(self, line: Line, message: dict[str, Any]) -> None:
        if message["code"] in LATER and message["re"] in {self._claim_id, "hello"}:
            self._put_off(line, message)
        else:
            self._company.tally.wrong(f"an error {message['code']}", self.user_id)

    def _put_off(self, line: Line, message: dict[str, Any]) -> None:
        """Say a hello without a welcome again, later; a claim that waits sees to itself."""
        if line.welcomed.done():
            self._settle(self._claim_id, message)
        elif not line.ended_at:
            self._company.tally.count("hellos put off")
            wait = self._pause(message, 0)
            asyncio.get_running_loop().call_later(wait, self._hello_again, line)

    def _hello_again(self, line: Line) -> None:
        if not (line.ended_at or line.welcomed.done()):
            self._hello(line)

    def _settle(self, id_: str | None, answer: dict[str, Any]) -> None:
        if id_ == self._claim_id and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def refusal(error: BaseException) -> str:
    """In a few words, the same ones for the same reason."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, Refused):
        return str(error).partition(":")[0]
    return type(error).__name__
