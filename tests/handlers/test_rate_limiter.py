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
    limiter = RateLimiter(10, clock=clock, sleep=clock.sleep)
    assert await turns(limiter, clock, 4) == [100.0, 100.1, 100.2, 100.3]


async def test_unused_turns_are_not_saved_up() -> None:
    clock = Clock()
    limiter = RateLimiter(10, clock=clock, sleep=clock.sleep)
    await limiter.turn()
    clock.now = 200.0
    assert await turns(limiter, clock, 3) == [200.0, 200.1, 200.2]


async def test_calls_of_a_beat_begin_together_and_no_more_than_the_rate() -> None:
    clock = Clock()
    clock.now = 100.1
    limiter = RateLimiter(8, beat_seconds=0.5, clock=clock, sleep=clock.sleep)
    began = await asyncio.gather(*(turns(limiter, clock, 1) for _ in range(4)))
    assert sorted(at for (at,) in began)[0] == 100.5
    later = [round(at, 6) for at in await turns(limiter, clock, 12)]
    assert all(at % 0.5 == 0 for at in later)
    assert all(later.count(at) <= 4 for at in later), "half a second's"
    assert later[-1] - later[0] >= 1.0


async def test_concurrent_calls_share_the_rate() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    limiter = RateLimiter(1_000, clock=lambda: 0.0, sleep=sleep)
    await asyncio.gather(*(limiter.turn() for _ in range(101)))
    assert max(waits) == pytest.approx(0.1)
