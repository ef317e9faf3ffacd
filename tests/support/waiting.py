"""Waiting for what will happen, with a bound that no busy machine reaches."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 60
"""How long a test waits for something that will happen. Only a failure takes so long."""

_PAUSE_SECONDS = 0.01


def wait_until(
    happened: Callable[[], bool],
    otherwise: str = "it did not happen in time",
    patience_seconds: int = PATIENCE_SECONDS,
) -> None:
    """Wait for a condition that nothing announces."""
    give_up = time.monotonic() + patience_seconds
    while not happened():
        assert time.monotonic() < give_up, otherwise
        time.sleep(_PAUSE_SECONDS)


async def pause_at_random() -> None:
    """Take up to 20 ms, so that things that happen at once end in another order each time."""
    await asyncio.sleep(random.random() / 50)  # noqa: S311  # no secret


async def until(happened: Callable[[], bool], otherwise: str = "it did not happen in time") -> None:
    """Wait for a condition that nothing announces, and let the loop run meanwhile."""

    async def ask() -> bool:
        return happened()

    await until_answered(ask, otherwise)


async def until_answered(
    ask: Callable[[], Awaitable[bool]], otherwise: str = "it did not happen in time"
) -> None:
    """Wait for a condition that a database or a server has to be asked for."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not await ask():
        assert time.monotonic() < give_up, otherwise
        await asyncio.sleep(_PAUSE_SECONDS)
