"""Calls to the outside, together and with one bound on all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence


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
