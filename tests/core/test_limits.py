"""The limits of a line: what follows from what, and what excludes each other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.core.limits import Contradiction, Limits

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("connections", "per_second", "seconds"),
    [
        (0, 500, 2),
        (869, 500, 2),
        (1_000, 500, 2.3),
        (150_000, 500, 345),
        (800_000, 5_000, 184),
        (782_608, 500, 1799.9984),
    ],
)
def test_the_window_is_the_time_that_admission_takes_and_a_margin(
    connections: int, per_second: int, seconds: float
) -> None:
    window = Limits(connections_per_second=per_second).window(connections)
    assert window == pytest.approx(timedelta(seconds=seconds), abs=timedelta(milliseconds=1))


def test_a_window_of_more_than_half_an_hour_is_refused_with_its_sum() -> None:
    with pytest.raises(Contradiction) as caught:
        Limits(connections_per_second=500).window(800_000)
    assert str(caught.value) == (
        "800,000 connections x 1.15 / ConnectionsPerSecond 500 = 1840 s to come back, more than "
        "1800: have the quota raised to 512 and set ConnectionsPerSecond to it"
    )
    assert Limits(connections_per_second=512).window(800_000) <= timedelta(minutes=30)


def test_a_ping_that_comes_after_the_idle_close_is_refused_with_its_sum() -> None:
    assert Limits(ping_every=540 * SECOND).ping_every == 540 * SECOND
    with pytest.raises(Contradiction) as caught:
        Limits(ping_every=541 * SECOND)
    assert str(caught.value) == (
        "PingSeconds 541 + 60 s = 601, more than the 600 s after which API Gateway closes an idle "
        "connection: set PingSeconds to 540 or less"
    )


def test_a_rotation_that_comes_after_the_two_hours_is_refused_with_its_sum() -> None:
    assert Limits(rotate_within=7_080 * SECOND).rotate_within == 7_080 * SECOND
    with pytest.raises(Contradiction) as caught:
        Limits(rotate_within=7_081 * SECOND)
    assert str(caught.value) == (
        "RotateSeconds 7081 + 120 s = 7201, more than the 7200 s after which API Gateway ends a "
        "connection: set RotateSeconds to 7080 or less"
    )
