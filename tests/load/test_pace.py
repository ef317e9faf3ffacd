"""The pace of clients: what is due is done in time, and few wake-ups do it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from bench.load import crowd, pace

if TYPE_CHECKING:
    from bench.load.pipe import Pipe


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


async def pings_of(monkeypatch: pytest.MonkeyPatch, *told: tuple[float, ...]) -> list[list[Any]]:
    """A crowd of four is told to ping, again and again; who pings then, and when."""
    sent: list[list[Any]] = []
    began = 0.0

    class Pinging:
        def __init__(self, name: str, _company: object) -> None:
            self._name = name

        def ping(self) -> None:
            sent[-1].append((self._name, round(time.perf_counter() - began)))
            if len(sent[-1]) == 3:
                raise asyncio.CancelledError

    monkeypatch.setattr(crowd, "User", Pinging)
    plan = crowd.Plan(
        names=list("abcd"), door=cast("Any", None), sources=["127.0.0.1"], seed=1, at_once=1
    )
    them = crowd.Crowd(plan, cast("Pipe", None))
    for each in told:
        sent.append([])
        began = time.perf_counter()
        await them.ping(*each)
        pinging = them._pinging
        assert pinging
        await asyncio.wait([pinging])
    return sent


def test_who_has_just_come_has_no_ping_to_send(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = asyncio.run(pings_of(monkeypatch, (8.0, 480.0)))
    assert late == [[("a", 480), ("b", 482), ("c", 484)]]


def test_pings_go_on_where_they_were(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = asyncio.run(pings_of(monkeypatch, (8.0,), (8.0,)))
    assert [name for name, _ in first + second] == ["a", "b", "c", "c", "d", "a"]
