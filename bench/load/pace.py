"""So many a second, by the clock."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

T = TypeVar("T")

STEP_SECONDS, MAX_STEP_SECONDS = 0.02, 0.25
"""Between two looks at what is due. Each wakes a process, and there may be fifty of them."""


async def paced(things: Sequence[T], rate: float, at_a_time: int = 1) -> AsyncIterator[T]:
    """One after the other, so many a second, however long each takes.

    Where that is faster than the longest step, `at_a_time` of them come together.
    """
    step = min(MAX_STEP_SECONDS, max(STEP_SECONDS, at_a_time / rate))
    began, given = time.perf_counter(), 0
    while given < len(things):
        due = min(len(things), int((time.perf_counter() - began) * rate) + 1)
        for thing in things[given:due]:
            yield thing
        given = max(given, due)
        await asyncio.sleep(step)
