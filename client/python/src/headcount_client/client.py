"""A user's presence on one resource, and the user's stream of events, kept across reconnects."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import defaultdict
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from websockets.exceptions import InvalidHandshake, InvalidURI

from headcount_client import stream as streams
from headcount_client.bonuses import Bonuses
from headcount_client.broadcasts import Broadcasts
from headcount_client.errors import HeadcountError, TicketRefused
from headcount_client.line import PING_EVERY, Line, LineClosed, Socket, dial
from headcount_client.outbox import Outbox
from headcount_client.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

log = logging.getLogger("headcount_client")
_RANDOM = SystemRandom()

MAX_MESSAGE_BYTES = 16 * 1024
# In seconds.
OPEN_WITHIN = 30.0
GAP_BASE, GAP_CAP = 0.4, 30.0
ROTATE_WITHIN = 115 * 60.0
LEFT = 1000
REPLACED = 0
# A limit below a second is a mistake, and following it would overload the server.
MIN_LIMIT_MS = 1_000


@dataclass(frozen=True)
class Status:
    """`status` is connecting, online, offline or stopped. `retry_in`: offline only, in seconds."""

    status: str
    reason: str = ""
    retry_in: float | None = None


class Headcount:
    """A client that is connected from `async with` on, and stays so until its end.

    `ticket` is called before each connection, with the resource that it watches (None before the
    first `watch`). It returns what `POST /tickets` answered: a mapping with `url` and `ticket`. If
    it raises TicketRefused, the client stops; after any other exception it tries again later.

    Listen with `on(name, listener)`; the names are status, welcome, watching, snapshot, event,
    state, bonus, claim and news.
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
        self._listeners: dict[str, list[Callable[[Any], object]]] = defaultdict(list)
        self._stream = streams.Stream()
        self._broadcasts = Broadcasts()
        self._schedule = Schedule(random)
        self._status = Status("connecting")
        self._user_id: str | None = None
        self._watched: str | None = None
        self._watching: dict[str, Any] | None = None
        self._line: Line | None = None
        self._fresh: Line | None = None
        self._welcomed: Line | None = None
        self._welcomed_at = 0.0
        self._stays: dict[Line, asyncio.Task[LineClosed]] = {}
        self._rotating: asyncio.TimerHandle | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._hello: str | None = None
        self._hello_timer: asyncio.TimerHandle | None = None
        self._gaps = 0
        self._closed_for = 0.0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox(self._send, self._random)
        self._bonuses = self._new_bonuses()
        self._task = self._loop.create_task(self._run())
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
        self._listeners[name].append(listener)
        return lambda: self._listeners[name].remove(listener)

    async def act(
        self, kind: str, body: Mapping[str, Any] | None = None, *, patch: Any = None
    ) -> dict[str, Any]:
        """Add an event to the user's stream. Returns its entry there. It is done once."""
        request = {"action": "act", "type": kind, "body": dict(body or {})}
        answer = await self._request(request if patch is None else {**request, "patch": patch})
        event: dict[str, Any] = answer["event"]
        return event

    async def claim(self, bonus_id: str) -> dict[str, Any]:
        """Claim a bonus. Returns bonus_id, outcome, event; "expired" is no error."""
        answer = await self._request({"action": "claim", "bonus_id": bonus_id})
        claim = {name: answer.get(name) for name in ("bonus_id", "outcome", "event")}
        self._tell("claim", claim)
        return claim

    async def watch(self, resource: str) -> dict[str, Any]:
        """Watch another resource, over later connections too. Returns the user's session there."""
        answer = await self._request({"action": "watch", "resource": resource})
        return _session(answer)

    async def ledger(self, before: Any = None) -> dict[str, Any]:
        """Read a page of the user's bonuses, newest first: entries, next."""
        request = {"action": "ledger"} if before is None else {"action": "ledger", "before": before}
        answer = await self._request(request)
        return {"entries": answer["entries"], "next": answer["next"]}

    async def close(self) -> None:
        """Leave for good. Unanswered requests fail with code "closed"."""
        if self._status.status != "stopped":
            self._stop("closed", "closed")
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # Connections.

    async def _run(self) -> None:
        """Connect, stay until the line ends, wait, again."""
        while True:
            self._set_status(Status("connecting", self._status.reason))
            self._welcomed = None
            self._closed_for = 0.0
            try:
                opened = await self._open()
            except TicketRefused as refused:
                return self._stop("stopped", str(refused) or "the ticket was refused")
            end = await self._use(opened) if isinstance(opened, Line) else opened
            self._outbox.pause()
            if self._hello_timer:
                self._hello_timer.cancel()
            if self._welcomed:
                self._schedule.lost(self._loop.time() - self._welcomed_at)
            wait = self._schedule.pause(is_own=end.code == LEFT)
            wait = max(wait, self._closed_for and self._closed_for + 0.5 * self._random())
            self._set_status(Status("offline", str(end), wait))
            await asyncio.sleep(wait)

    async def _open(self) -> Line | LineClosed:
        """Get a ticket and open a line with it. Raises TicketRefused."""
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                ticket = _checked(await self._ticket(self._watched))
                socket = await self._connect(f"{ticket[0]}?ticket={quote(ticket[1], safe='')}")
        except (TicketRefused, asyncio.CancelledError):
            raise
        except (InvalidHandshake, InvalidURI, OSError, TimeoutError) as error:
            return LineClosed(1006, str(error) or "the server did not answer")
        except Exception as error:  # the caller's ticket function: its faults are not ours
            log.warning("no ticket: %s", error)
            return LineClosed(1006, str(error) or repr(error))
        line = Line(socket, lambda message: self._receive(line, message))
        return line

    async def _use(self, line: Line) -> LineClosed:
        """Stay on a line, and on those that replace it in time. Return how the last one ended."""
        self._line = line
        self._stays = {line: self._loop.create_task(self._stay(line))}
        self._say_hello()
        try:
            while True:
                end = await self._stays[self._line]
                if end.code != REPLACED:
                    return end
        finally:
            self._line = self._fresh = None
            if self._rotating:
                self._rotating.cancel()
            tasks = [*self._stays.values(), *([self._replacing] if self._replacing else [])]
            self._replacing = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stay(self, line: Line) -> LineClosed:
        """Send and receive until the line ends, and close it. Return how it ended."""
        late = self._loop.call_later(OPEN_WITHIN, self._expect_welcome, line)
        code = LEFT
        try:
            end = await line.run()
            code = end.code if end.code >= 4_000 else LEFT  # noqa: PLR2004  # ours to send
            return end
        finally:
            late.cancel()
            await line.close(code)

    async def _replace(self) -> None:
        """Open a line beside the one in use, which goes on until the other one is welcomed."""
        while True:
            try:
                opened = await self._open()
            except TicketRefused as refused:
                opened = LineClosed(1006, str(refused))
            if isinstance(opened, Line):
                self._fresh = opened
                self._stays[opened] = self._loop.create_task(self._stay(opened))
                self._say_hello()
                # Its welcome cancels this.
                await asyncio.wait([self._stays[opened]])
                self._fresh = None
            await asyncio.sleep(self._schedule.pause(is_own=False))

    def _take_over(self, line: Line) -> None:
        """A line was welcomed: use it, and end the one before it."""
        before, self._line, self._fresh = self._line, line, None
        if self._replacing:
            self._replacing.cancel()
            self._replacing = None
        if before and before is not line:
            before.end(REPLACED, "")

    def _rotate_after(self, seconds: float) -> None:
        if self._rotating:
            self._rotating.cancel()
        self._rotating = self._loop.call_later(self._rotation(seconds), self._rotate)

    def _rotate(self) -> None:
        self._replacing = self._loop.create_task(self._replace())

    def _expect_welcome(self, line: Line) -> None:
        if line is not self._welcomed:
            line.end(LEFT, "the server did not answer")

    def _rotation(self, within: float) -> float:
        """A random moment of the last fifth, so that clients that came together go apart."""
        return within * (90 + 25 * self._random()) / 115

    def _stop(self, code: str, reason: str) -> None:
        self._outbox.fail(code, reason)
        self._bonuses.stop()
        if self._hello_timer:
            self._hello_timer.cancel()
        self._set_status(Status("stopped", reason))

    # Messages.

    def _send(self, message: dict[str, Any]) -> None:
        if self._line:
            self._line.send(message)

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
        if line := self._fresh or self._line:
            line.send(hello)
        self._hello_again(OPEN_WITHIN)

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
        if line not in (self._line, self._fresh):  # it was replaced
            return
        try:
            self._take(line, message)
        except (KeyError, TypeError, ValueError, AttributeError):
            log.exception("the server sent a message that is not understood")

    def _take(self, line: Line, message: dict[str, Any]) -> None:
        kind, code = message.get("type"), message.get("code")
        if kind == "welcome":
            self._welcome(line, message)
        elif kind == "bonus":
            self._bonuses.offer(message["bonus"])
            if message.get("broadcast"):
                self._news(self._broadcasts.pushed(message["broadcast"], []))
        elif kind == "news":
            self._news(self._broadcasts.pushed(message["broadcast"], [message["news"]]))
        elif code in ("kept_out", "kicked"):
            self._closed_for = message.get("retry_after_ms", 0) / 1_000
            line.end(LEFT, message.get("reason", code))
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
            self._bonuses.end(message["bonus_id"], message["outcome"])
        self._outbox.answered(message)

    def _welcome(self, line: Line, welcome: dict[str, Any]) -> None:
        if self._user_id not in (None, welcome["user_id"]):
            self._forget_user()
        self._user_id = welcome["user_id"]
        if self._hello_timer:
            self._hello_timer.cancel()
        self._hello = self._hello_timer = None
        is_new, self._welcomed = line is not self._welcomed, line
        self._limits(line, welcome, is_new=is_new)
        self._watching = _session(welcome)
        if is_new:
            self._take_over(line)
            self._welcomed_at = self._loop.time()
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

    def _limits(self, line: Line, welcome: dict[str, Any], *, is_new: bool) -> None:
        window = _limit(welcome.get("reconnect_within_ms"))
        self._schedule.tell(window)
        line.ping_every(_limit(welcome.get("ping_every_ms")) or PING_EVERY)
        if is_new:
            self._rotate_after(_limit(welcome.get("rotate_within_ms")) or ROTATE_WITHIN)

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
        for listener in list(self._listeners[name]):
            try:
                listener(detail)
            except Exception:  # a listener's fault must not end the connection
                log.exception("a listener of %r failed", name)


def _checked(ticket: Any) -> tuple[str, str]:
    """The url and the ticket. Raises ValueError, which says what is missing."""
    for name in ("url", "ticket"):
        value = ticket.get(name) if hasattr(ticket, "get") else None
        if not isinstance(value, str) or not value:
            raise ValueError(f"the ticket function returned no {name}: {ticket!r:.100}")
    return ticket["url"], ticket["ticket"]


def _limit(milliseconds: Any) -> float | None:
    """In seconds; None if the server did not tell it, or tells nonsense."""
    is_told = isinstance(milliseconds, int | float) and milliseconds >= MIN_LIMIT_MS
    return milliseconds / 1_000 if is_told else None


def _session(message: dict[str, Any]) -> dict[str, Any]:
    names = ("resource", "server_now", "session", "watched_ms", "visible_ms")
    return {name: message.get(name) for name in names}
