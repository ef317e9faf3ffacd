"""Waits of a run. None of them depends on how fast the machine is: only what hangs is given up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HANG_SECONDS = 900.0
"""What has not moved for so long hangs. The longest pause of a client, 690 s, is shorter."""
STALL_SECONDS = 30.0
"""What has not moved for so long is asked for once more, as the browser client does."""
LOOKS_PER_SECOND = 100_000
"""At so many users a second is looked, in a process or in all, where all of them are waited for."""


async def until_none(
    count: Callable[[], Awaitable[int]],
    again: Callable[[], Awaitable[object]] | None = None,
    *,
    every: float = 0.25,
    stall: float = STALL_SECONDS,
) -> int:
    """Wait while what `count` counts becomes less. Returns what is left: 0, or what hangs.

    `every` so many seconds is looked; `again` is called when nothing has moved for `stall` seconds.
    """
    least = left = await count()
    moved_at = asked_at = time.monotonic()
    while left:
        await asyncio.sleep(every)
        left, now = await count(), time.monotonic()
        if left < least:
            least, moved_at, asked_at = left, now, now
        elif now - moved_at > HANG_SECONDS:
            break
        elif again and now - asked_at > stall:
            asked_at = now
            await again()
    return left
