"""A user's presence on one resource, and the user's stream of events, kept across reconnects."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Self

from headcount_client import stream as streams
from headcount_client.bonuses import Bonuses
from headcount_client.broadcasts import Broadcasts
from headcount_client.clock import Clock
from headcount_client.errors import HeadcountError
from headcount_client.line import dial
from headcount_client.listeners import Listeners
from headcount_client.outbox import Outbox
from headcount_client.reconnect import Owner, Reconnector, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from headcount_client.line import Line, Socket

log = logging.getLogger("headcount_client")
_RANDOM = SystemRandom()

MAX_MESSAGE_BYTES = 16 * 1024
# In seconds.
ANSWER_TIMEOUT = 30.0
GAP_BASE, GAP_CAP = 0.4, 30.0


class Headcount:
    """A client that is connected from `async with` on, and stays so until its end.

    `ticket` is called before each connection, with the resource that it watches (None before the
    first `watch`). It returns what `POST /tickets` answered: a mapping with `url` and `ticket`. If
    it raises TicketRefused, the client stops; after any other exception it tries again later.

    Listen with `on(name, listener)`; the names are status, welcome, watching, snapshot, event,
    state, bonus, claim, news, news_cancelled and progress.
    """

    def __init__(
        self,
        ticket: Callable[[str | None], Awaitable[Mapping[str, Any]]],
        *,
        connect: Callable[[str], Awaitable[Socket]] = dial,
        random: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._ticket = ticket
        self._connect = connect
        self._random = random
        self._listeners = Listeners()
        self._clock = Clock()
        self._stream = streams.Stream()
        self._broadcasts = Broadcasts()
        self._status = Status("connecting")
        self._user_id: str | None = None
        self._watched: str | None = None
        self._watching: dict[str, Any] | None = None
        self._hello: str | None = None
        self._hello_timer: asyncio.TimerHandle | None = None
        self._gaps = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        owner = Owner(self._say_hello, self._receive, self._lost, self._set_status, self._refused)
        self._connections = Reconnector(
            owner, lambda: self._ticket(self._watched), self._connect, self._random
        )
        self._outbox = Outbox(self._connections.send, self._random)
        self._bonuses = self._new_bonuses()
        self._task = self._loop.create_task(self._connections.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def status(self) -> Status:
        """The latest status."""
        return self._status

    @property
    def state(self) -> Any:
        """The user's state as of the last event; {} before the first welcome."""
        return {} if self._stream.epoch is None else self._stream.state

    @property
    def bonuses(self) -> list[dict[str, Any]]:
        """The bonuses that were told, as of their last `bonus`, the first to expire first."""
        return self._bonuses.known

    @property
    def watching(self) -> dict[str, Any] | None:
        """The resource and the user's session there, as of the last welcome or `watching`."""
        return self._watching

    def on(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call the listener with each of this name. Returns a function that removes it."""
        return self._listeners.add(name, listener)

    def server_now(self) -> float:
        """The server's time in milliseconds since the epoch, as of what it told; before the first
        message this machine's."""
        if not self._clock.is_set:
            return time.time() * 1_000
        return (self._loop.time() + self._clock.offset) * 1_000

    def wake(self) -> None:
        """Ask the server for the time, and whether the connection works."""
        self._connections.ask()

    async def act(
        self, kind: str, body: Mapping[str, Any] | None = None, *, patch: Any = None
    ) -> dict[str, Any]:
        """Add an event to the user's stream. Returns its entry there. It is done once."""
        request = {"action": "act", "type": kind, "body": dict(body or {})}
        answer = await self._request(request if patch is None else {**request, "patch": patch})
        event: dict[str, Any] = answer["event"]
        return event

    async def claim(self, bonus_id: str) -> dict[str, Any]:
        """Claim a bonus. Returns bonus_id, outcome, event, progress; "expired" is no error."""
        answer = await self._request({"action": "claim", "bonus_id": bonus_id})
        claim = {name: answer.get(name) for name in ("bonus_id", "outcome", "event", "progress")}
        self._tell("claim", claim)
        return claim

    async def answer(self, question_id: str, option: int) -> dict[str, Any]:
        """Answer a question, which came as news of the type question.opened.

        Returns question_id, outcome, and option: the number of the user's answer that counts.
        """
        request = {"action": "answer", "question_id": question_id, "option": option}
        answer = await self._request(request)
        return {name: answer.get(name) for name in ("question_id", "outcome", "option")}

    async def watch(self, resource: str) -> dict[str, Any]:
        """Watch another resource, over later connections too. Returns the user's session there."""
        answer = await self._request({"action": "watch", "resource": resource})
        return _session(answer)

    async def ledger(self, before: Any = None) -> dict[str, Any]:
        """Read a page of the user's bonuses, newest first: entries, next."""
        request = {"action": "ledger"} if before is None else {"action": "ledger", "before": before}
        answer = await self._request(request)
        return {"entries": answer["entries"], "next": answer["next"]}

    async def list_bonuses(self, after: str | None = None) -> dict[str, Any]:
        """Read a page of the bonuses that are for the user, the first to expire first: bonuses,
        next. Each becomes known like one that is told."""
        request = {"action": "bonuses"} if after is None else {"action": "bonuses", "after": after}
        answer = await self._request(request)
        for bonus in answer["bonuses"]:
            self._bonuses.offer(bonus)
        return {"bonuses": answer["bonuses"], "next": answer["next"]}

    async def list_campaigns(self, after: str | None = None) -> dict[str, Any]:
        """Read a page of the campaigns that are for the user, and how far they are in each:
        campaigns, next."""
        request = {"action": "campaigns"}
        answer = await self._request(request if after is None else request | {"after": after})
        return {"campaigns": answer["campaigns"], "next": answer["next"]}

    async def close(self) -> None:
        """Leave for good. Unanswered requests fail with code "closed"."""
        if self._status.status != "stopped":
            self._stop("closed", "closed")
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _stop(self, code: str, reason: str) -> None:
        self._outbox.fail(code, reason)
        self._bonuses.stop()
        if self._hello_timer:
            self._hello_timer.cancel()
        self._set_status(Status("stopped", reason))

    def _refused(self, reason: str) -> None:
        self._stop("stopped", reason)

    def _lost(self) -> None:
        """There is no line."""
        self._outbox.pause()
        if self._hello_timer:
            self._hello_timer.cancel()

    # Messages.

    async def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._status.status == "stopped":
            raise HeadcountError("stopped", self._status.reason)
        request = {"action": request["action"], "id": secrets.token_urlsafe(16), **request}
        try:
            size = len(json.dumps(request, separators=(",", ":")).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise HeadcountError("bad_request", f"the message is no JSON: {error}") from error
        if size > MAX_MESSAGE_BYTES:
            raise HeadcountError("too_large", "a message can have at most 16 KB")
        return await self._outbox.add(request)

    def _say_hello(self) -> None:
        self._hello_timer = None
        self._hello = secrets.token_urlsafe(16)
        hello: dict[str, Any] = {"action": "hello", "id": self._hello}
        if self._stream.epoch is not None:
            hello |= {"since": self._stream.seq, "epoch": self._stream.epoch}
        if self._broadcasts.seq is not None:
            hello |= {"broadcasts_since": self._broadcasts.seq}
        self._connections.send_hello(hello)
        self._hello_again(ANSWER_TIMEOUT)

    def _hello_again(self, seconds: float) -> None:
        """Say hello then, unless a welcome comes before."""
        if self._hello_timer:
            self._hello_timer.cancel()
        self._hello_timer = self._loop.call_later(seconds, self._say_hello)

    def _ask_for_missing(self) -> None:
        if self._hello is None and self._hello_timer is None:
            window = min(GAP_CAP, GAP_BASE * 2**self._gaps)
            self._gaps += 1
            self._hello_again(window * self._random())

    def _receive(self, line: Line, message: dict[str, Any]) -> None:
        """Take a message. A server that sends nonsense does not end the client."""
        try:
            self._take(line, message)
        except (KeyError, TypeError, ValueError, AttributeError):
            log.exception("the server sent a message that is not understood")

    def _take(self, line: Line, message: dict[str, Any]) -> None:
        kind, code = message.get("type"), message.get("code")
        if "server_now" in message:
            sent_at = line.asked_at if kind == "pong" else None
            self._clock.learn(message["server_now"] / 1_000, self._loop.time(), sent_at)
        if kind == "welcome":
            self._welcome(line, message)
        elif kind == "bonus":
            self._bonuses.offer(message["bonus"])
            if message.get("broadcast"):
                self._news(self._broadcasts.pushed(message["broadcast"], []))
        elif kind == "news":
            self._news(self._broadcasts.pushed(message["broadcast"], [message["news"]]))
        elif kind == "progress":
            self._tell("progress", message["progress"])
        elif code in ("kept_out", "kicked"):
            wait = message.get("retry_after_ms", 0) / 1_000
            self._connections.dismissed(line, wait, message.get("reason", code))
        elif kind == "error" and message.get("re") == self._hello is not None:
            self._hello_again(message.get("retry_after_ms", 0) / 1_000 + self._random())
        elif kind == "error" and message.get("re") is not None:
            self._outbox.answered(message)
        elif kind == "error" or (kind is None and "message" in message):
            self._outbox.retry_all()  # the gateway's own frames do not name the request
            if self._hello is not None:
                self._hello_again(1 + self._random())
        elif kind != "pong":
            self._answer(message)

    def _answer(self, message: dict[str, Any]) -> None:
        if message.get("type") == "watching" and message.get("is_counted", True):
            self._watched = message["resource"]
            self._broadcasts.move(message["resource"])
            self._watching = _session(message)
            self._tell("watching", self._watching)
            self._say_hello()
        if message.get("event"):
            self._follow(streams.arrived(self._stream, message["epoch"], message["event"]))
        if message.get("type") == "claim":
            self._bonuses.end(message["bonus_id"], message["outcome"], message.get("progress"))
        self._outbox.answered(message)

    def _welcome(self, line: Line, welcome: dict[str, Any]) -> None:
        if self._user_id not in (None, welcome["user_id"]):
            self._forget_user()
        self._user_id = welcome["user_id"]
        if self._hello_timer:
            self._hello_timer.cancel()
        self._hello = self._hello_timer = None
        is_new = self._connections.welcomed(line, welcome)
        self._watching = _session(welcome)
        if is_new:
            self._set_status(Status("online"))
        self._tell("welcome", welcome)
        step = streams.welcomed(self._stream, welcome)
        self._follow(step, welcomed_at=welcome["seq"], is_welcome=True)
        for bonus in welcome["bonuses"]:
            self._bonuses.offer(bonus)
        self._news(self._broadcasts.welcomed(welcome))
        if is_new:
            self._return_to_watched(welcome["resource"])
            self._outbox.resume()

    def _return_to_watched(self, resource: str) -> None:
        """The ticket led elsewhere than this client watches: go back there."""
        if self._watched in (None, resource):
            return
        request = {"action": "watch", "id": secrets.token_urlsafe(16), "resource": self._watched}
        self._outbox.add(request).add_done_callback(self._watched_again)

    def _watched_again(self, answer: asyncio.Future[dict[str, Any]]) -> None:
        if not answer.cancelled() and answer.exception():
            self._watched = None

    def _forget_user(self) -> None:
        """The ticket was another user's: nothing of one is shown, sent or kept for the other."""
        self._outbox.fail("another_user", "the next ticket was another user's")
        self._bonuses.stop()
        self._stream = streams.Stream()
        self._broadcasts = Broadcasts()
        self._watched = None

    def _follow(
        self, step: streams.Step, *, welcomed_at: int = 0, is_welcome: bool = False
    ) -> None:
        self._stream = step.stream
        if step.snapshot is not None:
            self._tell("snapshot", {"seq": welcomed_at, "events": step.snapshot})
        for event in step.events:
            self._tell("event", event)
            # The welcome's own list has the offers up to its seq that are still open.
            if event["type"] == "bonus.offered" and event["seq"] > welcomed_at:
                self._bonuses.offer(event["body"])
            elif event["type"] == "bonus.claimed":
                self._bonuses.end(event["body"]["bonus_id"], "claimed")
        if is_welcome or any(event.get("patch") for event in step.events):
            self._tell("state", step.stream.state)
        if step.is_behind:
            self._ask_for_missing()
        else:
            self._gaps = 0

    def _news(self, news: list[dict[str, Any]]) -> None:
        for one in news:
            if "cancels" in one:
                self._tell("news_cancelled", {"seq": one["cancels"]})
            else:
                self._tell("news", one)
        if self._broadcasts.is_behind:
            self._ask_for_missing()

    # Telling.

    def _new_bonuses(self) -> Bonuses:
        return Bonuses(lambda bonus: self._tell("bonus", bonus), self._acknowledge, self._random)

    def _acknowledge(self, bonus_id: str) -> None:
        if not self._outbox.is_claiming(bonus_id):
            request = {"action": "ack", "id": secrets.token_urlsafe(16), "bonus_id": bonus_id}
            # If the server refuses it once, it refuses it always.
            self._outbox.add(request).add_done_callback(lambda answer: answer.exception())

    def _set_status(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            self._tell("status", status)

    def _tell(self, name: str, detail: Any) -> None:
        self._listeners.tell(name, detail)


def _session(message: dict[str, Any]) -> dict[str, Any]:
    names = ("resource", "server_now", "session", "watched_ms", "visible_ms")
    return {name: message.get(name) for name in names}
