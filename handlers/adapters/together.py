"""Calls to the outside, together and with one bound on all of them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence


class Pace:
    """Lets calls begin so many a second, evenly; turns that nobody took are not made up for."""

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._gap_seconds = 1 / per_second
        self._clock, self._sleep = clock, sleep
        self._next_at = clock()

    async def turn(self) -> None:
        """Return when the next call may begin."""
        now = self._clock()
        at = max(self._next_at, now)
        self._next_at = at + self._gap_seconds
        if at > now:
            await self._sleep(at - now)


async def together(calls: Sequence[Coroutine[Any, Any, None]], within_seconds: float) -> None:
    """Run them all, and give up those that are not done in time. Each keeps its own account.

    The first exception rises, once all have ended.
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
