"""The waits of a run: nothing is given up that still moves, and what hangs is."""

from __future__ import annotations

import asyncio

import pytest

from bench.load import waiting
from bench.load.waiting import until_none


def wait(counts: list[int], *, stall: float = 1e6) -> tuple[int, int, int]:
    """What is left at the end, how often it was looked, and how often it was asked again."""
    looks = asked = 0

    async def count() -> int:
        nonlocal looks
        looks += 1
        return counts[min(looks, len(counts)) - 1]

    async def again() -> None:
        nonlocal asked
        asked += 1

    left = asyncio.run(until_none(count, again, every=0, stall=stall))
    return left, looks, asked


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look has to find less than the one before."""
    monkeypatch.setattr(waiting, "HANG_SECONDS", -1.0)


@pytest.mark.usefixtures("impatient")
def test_what_moves_is_waited_for_however_long_it_takes() -> None:
    assert wait(list(range(1_000, -1, -1))) == (0, 1_001, 0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("counts", [[3, 3], [3, 2, 2], [3, 2, 3], [3, 1, 2]])
def test_what_does_not_move_hangs(counts: list[int]) -> None:
    assert wait(counts)[0] == counts[-1]


def test_nothing_to_wait_for_is_one_look() -> None:
    assert wait([0]) == (0, 1, 0)


def test_what_stands_still_is_asked_for_again() -> None:
    assert wait([2, 2, 2, 1, 0], stall=-1.0) == (0, 5, 2)
