"""Requests until they are answered, each sent as often as that takes, under the same id."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headcount_client.errors import HeadcountError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_REQUESTS = 100
# In seconds. The gateway gives a function at most 29 s.
ANSWER_TIMEOUT = 30.0
RETRY_CAP = 30.0
THROTTLED_BASE = 4.0
# Their order does not matter, so they do not wait for each other.
CONCURRENT_ACTIONS = ("claim", "ack", "ledger", "bonuses")


@dataclass(eq=False)
class _Entry:
    request: dict[str, Any]
    answer: asyncio.Future[dict[str, Any]]
    attempt: int = 0
    is_sent: bool = False
    # Set while it is sent or waits: when it fires, the request is sent again.
    timer: asyncio.TimerHandle | None = None

    @property
    def action(self) -> str:
        return str(self.request["action"])


class Outbox:
    """Acts and watches are sent one at a time, because the gateway handles messages in any order.
    Claims go before all others; acknowledgements wait for them.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None], random: Callable[[], float]) -> None:
        self._send = send
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._entries: dict[str, _Entry] = {}
        self._is_online = False
        self._limited: asyncio.TimerHandle | None = None

    def add(self, request: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        """Send it now or when there is a connection. The future has the answer."""
        if len(self._entries) >= MAX_REQUESTS:
            raise HeadcountError("queue_full", f"{MAX_REQUESTS} requests wait for an answer")
        entry = _Entry(request, self._loop.create_future())
        self._entries[request["id"]] = entry
        self._flush()
        return entry.answer

    def is_claiming(self, bonus_id: str) -> bool:
        """Whether a claim of this bonus waits for its answer."""
        return any(
            one.action == "claim" and one.request["bonus_id"] == bonus_id
            for one in self._entries.values()
        )

    def resume(self) -> None:
        """There is a connection: send what waits."""
        self.pause()
        self._is_online = True
        self._flush()

    def pause(self) -> None:
        """The connection is gone: keep everything, send nothing."""
        self._is_online = False
        for entry in self._entries.values():
            self._unsend(entry)

    def answered(self, message: dict[str, Any]) -> None:
        """Take an answer, or an error that names its request."""
        entry = self._entries.get(message.get("re") or "")
        if entry is None:
            return
        code = message.get("code")
        wait = message.get("retry_after_ms", 0) / 1_000
        if code == "unavailable":
            self._retry(entry, at_least=wait)
        elif code == "slow_down":
            self._unsend(entry)
            self._wait_for_limit(wait)
        else:
            self._remove(entry)
            if entry.answer.done():  # cancelled by its caller
                pass
            elif message["type"] == "error":
                error = HeadcountError(str(code), message.get("reason", ""))
                entry.answer.set_exception(error)
            else:
                entry.answer.set_result(message)
            self._flush()

    def retry_all(self) -> None:
        """The gateway failed to handle a message and does not tell which."""
        for entry in self._entries.values():
            if entry.is_sent:
                self._retry(entry, base=THROTTLED_BASE)

    def fail(self, code: str, reason: str) -> None:
        """Reject all that waits."""
        self.pause()
        if self._limited:
            self._limited.cancel()
            self._limited = None
        entries, self._entries = self._entries, {}
        for entry in entries.values():
            if not entry.answer.done():
                entry.answer.set_exception(HeadcountError(code, reason))

    def _flush(self) -> None:
        if not self._is_online or self._limited:
            return
        busy: set[str] = set()
        waiting = sorted(self._entries.values(), key=lambda one: one.action != "claim")
        is_claiming = any(one.action == "claim" for one in waiting)
        for entry in waiting:
            if entry.action == "ack" and is_claiming:
                continue
            if entry.timer is None and entry.action not in busy:
                entry.is_sent = True
                self._again_after(entry, ANSWER_TIMEOUT)
                self._send(entry.request)
            if entry.action not in CONCURRENT_ACTIONS:
                busy.add(entry.action)

    def _retry(self, entry: _Entry, *, base: float = 1.0, at_least: float = 0.0) -> None:
        wait = at_least + self._random() * min(RETRY_CAP, base * 2**entry.attempt)
        entry.attempt += 1
        self._unsend(entry)
        self._again_after(entry, wait)

    def _wait_for_limit(self, seconds: float) -> None:
        if self._limited:
            self._limited.cancel()
        self._limited = self._loop.call_later(seconds + 0.5 * self._random(), self._unlimited)

    def _unlimited(self) -> None:
        self._limited = None
        self._flush()

    def _again_after(self, entry: _Entry, seconds: float) -> None:
        def again() -> None:
            self._unsend(entry)
            self._flush()

        if entry.timer:
            entry.timer.cancel()
        entry.timer = self._loop.call_later(seconds, again)

    def _unsend(self, entry: _Entry) -> None:
        if entry.timer:
            entry.timer.cancel()
        entry.timer = None
        entry.is_sent = False

    def _remove(self, entry: _Entry) -> None:
        self._unsend(entry)
        del self._entries[entry.request["id"]]
