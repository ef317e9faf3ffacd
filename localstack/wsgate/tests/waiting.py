"""Waiting for what will happen, with a bound that no busy machine reaches."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

PATIENCE_SECONDS = 60
"""How long a test waits for something that will happen. Only a failure takes so long."""

_PAUSE_SECONDS = 0.005


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition that nothing announces, and let the loop run meanwhile."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 nothing announces it
            await asyncio.sleep(_PAUSE_SECONDS)


async def pause() -> None:
    """Let others run for a moment. Nothing depends on how long it takes."""
    await asyncio.sleep(_PAUSE_SECONDS)


async def in_time(awaited: Awaitable[T]) -> T:
    """What will come, such as the next message of a connection."""
    return await asyncio.wait_for(awaited, PATIENCE_SECONDS)
