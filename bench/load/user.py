"""A user as the browser client is one: says hello, answers, comes back, and keeps a record.

What is asked of the server must be answered, and what is pushed must come once: what is not so is
told to the tally as wrong.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import TYPE_CHECKING, Any, cast

import msgspec

from bench.load.comeback import UNTOLD
from bench.load.company import Act, Claim, Company, Shown, Spell
from bench.support.clients import Client, Refused, text_frame
from headcount_client.backoff import in_window
from headcount_client.line import COMES_BACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load.line import Line

READY_SECONDS = 30.0
"""From the ticket to the welcome: client/src/connection.js. Further attempts take twice as long,
or a machine that is too slow for its users would never welcome them."""
MAX_DOUBLINGS = 4
LATER = {"unavailable", "slow_down"}
"""Errors after which the same request is sent again."""
FAILED = (Refused, OSError, TimeoutError)
HELLO = text_frame('{"action":"hello","id":"hello"}')
PING = text_frame('{"action":"ping"}')
_PONG = b'{"type":"pong"'
_decode = msgspec.json.Decoder().decode


class User:
    """One user, with one line or several."""

    __slots__ = (
        "_broadcasts",
        "_claim",
        "_company",
        "_epoch",
        "_refusals",
        "_seq",
        "_since",
        "is_greeting",
        "lines",
        "spells",
        "user_id",
        "window",
    )

    def __init__(self, user_id: str, company: Company) -> None:
        self.user_id, self._company = user_id, company
        self.lines: list[Line] = []
        self.spells: list[Spell] = []
        self._since: tuple[float, float] = (0.0, 0.0)
        self._seq, self._epoch, self._broadcasts = 0, "", 0
        self._refusals = 0  # in a row
        self.window = UNTOLD
        """Within how many seconds of a loss it comes back."""
        self.is_greeting = False
        self._claim = Claim(user_id, company)

    # Come, stay, go.

    async def come(self) -> None:
        """Be online; a refusal is taken as the browser client takes it."""
        attempt = 0
        while not self._company.is_leaving:
            try:
                await self._attempt(attempt)
            except FAILED:
                attempt += 1
                await self._wait(attempt)
            else:
                return

    async def rotate(self) -> None:
        """Replace a connection that works, as every one is before its two hours end.

        The old one is kept until an attempt succeeds.
        """
        old, attempt = self.lines[0] if self.lines else None, 0
        while not self._company.is_leaving:
            try:
                await self._attempt(attempt)
            except FAILED:
                self._company.tally.count("rotations refused")
                await self._wait(attempt)
                attempt += 1
            else:
                if old:
                    old.leave()
                return

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

    def record(self) -> list[Spell]:
        """When there was a line; an open one counts up to now."""
        if self.lines and not self.lines[0].ended_at:
            return [*self.spells, Spell(*self._since, time.time())]
        return self.spells

    async def _attempt(self, attempt: int) -> None:
        """A ticket, a handshake, a hello. Raises what FAILED names."""
        company, tally, began = self._company, self._company.tally, time.time()
        tally.count("attempts")
        line = None
        try:
            async with asyncio.timeout(READY_SECONDS * 2 ** min(attempt, MAX_DOUBLINGS)):
                source = company.random.choice(company.sources)
                line = await company.door.open(self.user_id, self, source)
                self._opened(line)
                tally.wait("connect", line.opened_at - began)
                self._hello(line)
                await line.welcomed
        except FAILED as error:
            tally.count(f"refused: {refusal(error)}")
            if line is not None:
                line.leave(COMES_BACK)
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
            self.spells.append(Spell(*self._since, line.ended_at, self._company.cut(line)))
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
                await self._attempt(attempt)
            except FAILED:
                attempt += 1
            else:
                tally.count("back")
                tally.wait("back", time.time() - lost_at)
                return

    async def _wait(self, attempt: int) -> None:
        await asyncio.sleep(in_window(attempt, self.window, self._company.random.random()))

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
        self._say_act(id_)

    def _say_act(self, id_: str) -> None:
        act = self._company.acts.get(id_)
        if act is None or act.answers or not self.lines:
            return
        act.times_sent += 1
        said = {"action": "act", "id": id_, "type": "like", "body": {"picture": 7}}
        self.lines[0].say(text_frame(json.dumps(said)))

    def act_again(self) -> None:
        """Send again what has no answer, and ask for what the second device has missed."""
        own = {id_: act for id_, act in self._company.acts.items() if act.user_id == self.user_id}
        for id_ in own:
            self._say_act(id_)
        if any(act.answers and not act.is_there for act in own.values()):
            for line in self.lines[1:]:
                line.say(HELLO)

    async def claim(self, bonus_id: str, until: float) -> None:
        """Ask for a bonus until there is an answer, at most until then."""
        await self._claim.send(bonus_id, until, self._say_first)

    def _say_first(self, frame: bytes) -> None:
        if self.lines:
            self.lines[0].say(frame)

    # What is heard.

    def heard(self, client: Client, payload: bytes) -> None:
        line = cast("Line", client)
        if payload.startswith(_PONG):
            if line.pinged_at:  # an answer that was given up comes late
                self._company.tally.wait("ping", time.time() - line.pinged_at)
            line.pinged_at = 0.0
            return
        message = _decode(payload)
        kind = message.get("type")
        self._refusals = self._refusals + 1 if kind in {"error", None} else 0
        match kind:
            case "welcome":
                self._welcome(line, message)
            case "bonus":
                self._show(line, message["bonus"], (message.get("broadcast") or {}).get("seq"))
            case "event":
                self._event(line, message["event"])
            case "acted":
                self._acted(message["event"])
            case "acked":
                self._company.shown[message["re"]].unacked.discard(line.connection_id)
            case "claim":
                self._claim.settle(message["re"], message)
            case "error":
                self._error(line, message)
            case None:
                self._gateway_error(line, message)

    def _welcome(self, line: Line, message: dict[str, Any]) -> None:
        tally = self._company.tally
        line.connection_id = message["connection_id"]
        self.is_greeting = False
        self._seq, self._epoch = max(self._seq, message["seq"]), message["epoch"]
        self._broadcasts = message["broadcasts"]["seq"]
        self.window = message.get("reconnect_within_ms", 1000 * UNTOLD) / 1000
        if message["user_id"] != self.user_id:
            tally.wrong("a welcome for another user", self.user_id)
        if not message["is_counted"]:
            tally.wrong("a connection that is open was ended wrongly", self.user_id)
        for event in message["events"]:
            if act := self._company.acts.get(event["id"]):
                act.is_missed = True
        for bonus in message["bonuses"]:
            if shown := self._company.shown.get(bonus["bonus_id"]):
                shown.find(line.connection_id)
        if not line.welcomed.done():
            line.welcomed.set_result(None)

    def _event(self, line: Line, event: dict[str, Any]) -> None:
        self._seq = max(self._seq, event["seq"])
        if event["type"] == "bonus.offered":
            self._show(line, event["body"], None)
        elif act := self._company.acts.get(event["id"]):
            act.pushes += 1
            self._company.tally.wait("act on the other device", time.time() - act.sent_at)

    def _acted(self, event: dict[str, Any]) -> None:
        self._seq = max(self._seq, event["seq"])
        if act := self._company.acts.get(event["id"]):
            act.answers += 1
            self._company.tally.wait("act", time.time() - act.sent_at)

    def _show(self, line: Line, bonus: dict[str, Any], broadcast: int | None) -> None:
        if bonus["outcome"] is not None:
            return
        bonus_id, company, must_ack = bonus["bonus_id"], self._company, bonus["acknowledge"]
        shown = company.shown.setdefault(bonus_id, Shown())
        shown.broadcast = shown.broadcast or broadcast
        if broadcast not in (None, shown.broadcast):  # it says what is left of the stock
            return
        shown.push(line.connection_id, self.user_id, company.tally, acknowledge=must_ack)
        if must_ack:
            shown.unacked.add(line.connection_id)
            self._ack(line, bonus_id)

    def _ack(self, line: Line, bonus_id: str) -> None:
        if not line.ended_at:
            said = {"action": "ack", "id": bonus_id, "bonus_id": bonus_id}
            line.say(text_frame(json.dumps(said)))

    def _error(self, line: Line, message: dict[str, Any]) -> None:
        """Send a request again, later; any other error is wrong."""
        about, company = message["re"], self._company
        if message["code"] not in LATER:
            company.tally.wrong(f"an error {message['code']}", self.user_id)
        elif about == "hello":
            self._later(message, self._hello_again, line)
        elif about == self._claim.id_:
            self._claim.settle(about, message)
        elif about in company.acts:
            self._later(message, self._say_act, about)
        elif about in company.shown:
            self._later(message, self._ack, line, about)
        else:
            company.tally.wrong(f"an error {message['code']} for no request", self.user_id)

    def _gateway_error(self, line: Line, message: dict[str, Any]) -> None:
        """It does not say which message it is about: send all again that have no answer."""
        company, put_off = self._company, {"code": message.get("message", "")}
        company.tally.count("error frames of the gateway")
        line.pinged_at = 0.0
        self._claim.settle(self._claim.id_, put_off)
        self._later(put_off, self._hello_again, line)
        for bonus_id, shown in company.shown.items():
            if line.connection_id in shown.unacked:
                self._later(put_off, self._ack, line, bonus_id)
        for id_, act in company.acts.items():
            if act.user_id == self.user_id:
                self._later(put_off, self._say_act, id_)

    def _later(self, message: dict[str, Any], say: Callable[..., None], *arguments: Any) -> None:
        self._company.tally.count("requests put off")
        wait = self._company.pause(message, self._refusals - 1)
        asyncio.get_running_loop().call_later(wait, say, *arguments)

    def _hello_again(self, line: Line) -> None:
        if not line.ended_at and (self.is_greeting or not line.welcomed.done()):
            self._hello(line)


def refusal(error: BaseException) -> str:
    """In a few words, the same ones for the same reason."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, Refused):
        return str(error).partition(":")[0]
    return type(error).__name__
