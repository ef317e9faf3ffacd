"""RateLimiter: how many calls a second may begin."""

from __future__ import annotations

import asyncio

import pytest

from handlers.adapters.concurrency import RateLimiter


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def turns(limiter: RateLimiter, clock: Clock, many: int) -> list[float]:
    began = []
    for _ in range(many):
        await limiter.turn()
        began.append(round(clock.now, 6))
    return began


async def test_calls_begin_evenly() -> None:
    clock = Clock()
    limiter = RateLimiter(10, clock, clock.sleep)
    assert await turns(limiter, clock, 4) == [100.0, 100.1, 100.2, 100.3]


async def test_unused_turns_are_not_saved_up() -> None:
    clock = Clock()
    limiter = RateLimiter(10, clock, clock.sleep)
    await limiter.turn()
    clock.now = 200.0
    assert await turns(limiter, clock, 3) == [200.0, 200.1, 200.2]


async def test_concurrent_calls_share_the_rate() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    limiter = RateLimiter(1_000, lambda: 0.0, sleep)
    await asyncio.gather(*(limiter.turn() for _ in range(101)))
    assert max(waits) == pytest.approx(0.1)
