"""Asynchronous events (`InvocationType=Event`): queued, run, and retried.

What is queued is bounded in number and in bytes, and ends with the gateway. A try has a request
id of its own; on AWS all tries of an event have the same.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from wsgate.core import retries
from wsgate.core.retries import Again, Delivery, Drop
from wsgate.model.plan import EventPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wsgate.model.invoke import Ending
    from wsgate.model.limits import Limits
    from wsgate.node.invocations import Invocations


class Background:
    """The events that wait or run, wherever the functions are: in the only node, or its parent."""

    def __init__(
        self,
        invocations: Invocations,
        policies: Mapping[str, EventPolicy],
        limits: Limits,
        log: Callable[[str], None],
    ) -> None:
        self._invocations, self._policies = invocations, policies
        self._limits, self._log = limits, log
        self._count = self._bytes = 0
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._numbers = count()
        self._is_closed = False

    def __len__(self) -> int:
        """How many events wait or run."""
        return self._count

    def accept(self, function: str, payload: bytes) -> bool:
        """Take an event, unless there is no room for it."""
        has_room = self._bytes + len(payload) <= self._limits.background_bytes
        if self._count >= self._limits.background or not has_room:
            return False
        self._count += 1
        self._bytes += len(payload)
        self._try(function, payload, Delivery(datetime.now(UTC)))
        return True

    def close(self) -> None:
        """Forget what waits for another try; what runs is tried no more."""
        self._is_closed = True
        if self._waiting:
            self._log(f"asynchronous events that were to be tried again: {len(self._waiting)}")
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _try(self, function: str, payload: bytes, delivery: Delivery) -> None:
        def done(ending: Ending) -> None:
            self._ended(function, payload, delivery, ending)

        self._invocations.start(function, payload, None, done)

    def _ended(self, function: str, payload: bytes, delivery: Delivery, ending: Ending) -> None:
        policy = self._policies.get(function, EventPolicy())
        now = datetime.now(UTC)
        match retries.after(delivery, ending, policy, self._limits.retry_waits, now):
            case Again(again, wait) if not self._is_closed:
                self._log(f"{function} | asynchronous event: again in {wait.total_seconds():g} s")
                self._wait(wait, function, payload, again)
                return
            case Drop(reason):
                self._log(f"{function} | asynchronous event: given up, {reason}")
        self._count -= 1
        self._bytes -= len(payload)

    def _wait(self, wait: timedelta, function: str, payload: bytes, delivery: Delivery) -> None:
        number = next(self._numbers)

        def due() -> None:
            del self._waiting[number]
            self._try(function, payload, delivery)

        loop = asyncio.get_running_loop()
        self._waiting[number] = loop.call_later(wait.total_seconds(), due)
