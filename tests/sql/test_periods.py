"""Days and hours of a time zone, against Python's reading of the same time zones."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from handlers.adapters.statements import text
from tests.support.reports import at, past

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Half hours; changes by half an hour; midnights that come twice (Havana), or not at all (Beirut).
ZONES = (
    *("UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "America/St_Johns"),
    *("Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "Asia/Kathmandu", "Pacific/Apia"),
)


def days(first: date, last: date, zone: str) -> Iterator[datetime]:
    """When the local days begin: at the first of two midnights, or where the missing one was."""
    while first <= last:
        yield datetime.combine(first, time(), ZoneInfo(zone)).astimezone(UTC)
        first += DAY


@pytest.mark.parametrize("zone", ZONES)
async def test_days_begin_where_the_calendar_says(db: asyncpg.Connection, zone: str) -> None:
    expected = list(days(date(2024, 2, 1), date(2025, 3, 1), zone))
    noon = expected[1] - 12 * HOUR
    starts = "select period_starts($1, $2, 'day', $3)"
    assert await db.fetchval(starts, noon, expected[-1], zone) == expected


@pytest.mark.parametrize("zone", ZONES)
async def test_the_hours_of_a_day_are_counted_from_its_start(
    db: asyncpg.Connection, zone: str
) -> None:
    starts = list(days(date(2024, 1, 1), date(2025, 1, 1), zone))
    expected = [
        start + n * HOUR
        for start, following in itertools.pairwise(starts)
        for n in range(26)
        if start + n * HOUR < following
    ]
    found = await db.fetchval(
        "select period_starts($1, $2, 'hour', $3)", starts[0], starts[-1], zone
    )
    assert found == [*expected, starts[-1]]


async def test_a_day_that_was_left_out_is_no_day(db: asyncpg.Connection) -> None:
    """Samoa went from 29 to 31 December 2011."""
    found = await db.fetchval(
        "select period_starts($1, $2, 'day', 'Pacific/Apia')",
        *(datetime(2011, 12, 29, 12, tzinfo=UTC), datetime(2011, 12, 31, 12, tzinfo=UTC)),
    )
    assert found == [datetime(2011, 12, day, 10, tzinfo=UTC) for day in (29, 30, 31)] + [
        datetime(2012, 1, 1, 10, tzinfo=UTC)
    ]


@pytest.mark.parametrize(
    ("begins", "ends", "starts"),
    [
        (0, 60, [0, 60]),
        (0, 61, [0, 60, 120]),
        (1, 60, [0, 60]),
        (59, 60, [0, 60]),
        (60, 61, [60, 120]),
    ],
)
async def test_the_periods_hold_the_interval(
    db: asyncpg.Connection, begins: int, ends: int, starts: list[int]
) -> None:
    found = await db.fetchval("select period_starts($1, $2, 'hour', 'UTC')", at(begins), at(ends))
    assert found == [at(minutes) for minutes in starts]


async def test_a_time_zone_that_is_not_known_is_an_error_without_sessions_too(
    db: asyncpg.Connection,
) -> None:
    args: tuple[object, ...] = (
        at(0),
        at(60),
        "day",
        "Mars/Phobos",
        [],
        None,
        None,
        at(0),
        "",
        "",
        None,
        None,
        False,
        True,
    )
    for _ in range(2):
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await db.fetch(text("watch_time_in"), *args)
        await past(db, at(0), at(1))
