"""The pace of clients: what is due is done in time, and few wake-ups do it."""

from __future__ import annotations

import asyncio
import time

import pytest

from bench.load import pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steps that were slept, on a clock of their own."""
    steps: list[float] = []

    async def sleep(seconds: float) -> None:
        steps.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "perf_counter", lambda: sum(steps))
    return steps


async def all_of(many: int, rate: float, at_a_time: int = 1) -> list[int]:
    return [one async for one in pace.paced(range(many), rate, at_a_time)]


@pytest.mark.parametrize("at_a_time", [1, 8])
@pytest.mark.parametrize("rate", [0.5, 20.0, 1_000.0])
def test_each_comes_once_and_in_time(clock: list[float], rate: float, at_a_time: int) -> None:
    assert asyncio.run(all_of(100, rate, at_a_time)) == list(range(100))
    assert sum(clock) == pytest.approx(99 / rate, abs=2 * pace.MAX_STEP_SECONDS)


def test_those_that_may_come_together_need_fewer_wake_ups(clock: list[float]) -> None:
    asyncio.run(all_of(400, 40.0))
    alone = len(clock)
    clock.clear()
    asyncio.run(all_of(400, 40.0, at_a_time=8))
    assert len(clock) < alone / 7
