"""Concurrent calls: with one time limit for all of them, and at a bounded rate."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence


class RateLimiter:
    """Lets calls begin at an even rate; unused turns are not made up for.

    Those of one `beat_seconds` begin together at its end: every process on their way wakes once for
    all of them, and not once for each.
    """

    def __init__(
        self,
        per_second: float,
        beat_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._gap_seconds, self._beat_seconds = 1 / per_second, beat_seconds
        self._clock, self._sleep = clock, sleep
        self._next_at = clock()

    async def turn(self) -> None:
        """Return when the next call may begin."""
        now = self._clock()
        at = max(self._next_at, now)
        self._next_at = at + self._gap_seconds
        if self._beat_seconds:
            at = math.ceil(at / self._beat_seconds) * self._beat_seconds
        if at > now:
            await self._sleep(at - now)


async def gather_within(calls: Sequence[Coroutine[Any, Any, None]], within_seconds: float) -> None:
    """Run all calls, and cancel those that are not done in time. Each records its own result.

    The first exception is raised once all have ended.
    """
    if not calls:
        return
    tasks = [asyncio.ensure_future(call) for call in calls]
    _, late = await asyncio.wait(tasks, timeout=within_seconds)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
