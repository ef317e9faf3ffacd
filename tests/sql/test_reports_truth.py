"""Each report equals brute force on the same generated sessions.

`WORLDS=500 .venv/bin/python -m pytest tests/sql/test_reports_truth.py` makes more of them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.statements import text
from tests.support import stays
from tests.support.databases import EMPTY

if TYPE_CHECKING:
    import asyncpg

    from tests.support.stays import Span, World

WORLDS = int(os.environ.get("WORLDS", "6"))
# Berlin's clocks are put forward at 01:00 UTC.
T0 = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
ALWAYS = datetime.min  # noqa: DTZ901  # -infinity
ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York")


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def told(db: asyncpg.Connection, name: str, *args: object) -> list[dict[str, Any]]:
    async with db.transaction(readonly=True):
        await db.fetch("select limit_report(60000)")
        return [dict(row) for row in await db.fetch(text(name), *args)]


async def new_world(
    db: asyncpg.Connection, seed: int, length: timedelta, *, is_visible: bool
) -> World:
    """A session that an outage divides while it is hidden may be counted once less: none here."""
    await db.execute(EMPTY)
    dice = Random(seed)  # noqa: S311  # no secret
    world = stays.generated(dice, T0, length, has_outages=not is_visible)
    await world.store(db)
    return world.visible() if is_visible else world


def some_span(dice: Random, length: timedelta) -> Span:
    begins = T0 + dice.choice((timedelta(0), length / 4, length * dice.random() / 2))
    return begins, begins + dice.choice((length / 2, length * (0.1 + dice.random())))


def is_close(found: int, expected: timedelta) -> bool:
    """An answer is rounded to milliseconds."""
    return abs(found - expected / timedelta(milliseconds=1)) <= 1


@pytest.mark.parametrize("is_visible", [False, True])
@pytest.mark.parametrize("seed", range(WORLDS))
async def test_watch_time_is_what_each_user_watched(
    db: asyncpg.Connection, seed: int, is_visible: bool
) -> None:
    """On however many resources: never more than the wall time, unless by resource."""
    dice, length = Random(seed), 60 * HOUR  # noqa: S311  # no secret
    world = await new_world(db, seed, length, is_visible=is_visible)
    span, zone = some_span(dice, length), dice.choice(ZONES)
    for by in ([], ["user"], ["resource"], ["user", "resource"]):
        rows = await told(
            db,
            "watch_time_by",
            *span,
            by,
            None,
            None,
            "",
            "",
            100 if by else None,
            world.now,
            is_visible,
        )
        check_watch_time(rows, stays.watched(world, span, by, None, zone))
        for period in ("day", "hour"):
            args = (
                *span,
                period,
                zone,
                by,
                None,
                None,
                ALWAYS,
                "",
                "",
                None,
                world.now,
                is_visible,
            )
            rows = await told(db, "watch_time_in", *args)
            check_watch_time(rows, stays.watched(world, span, by, period, zone), span[0])


def check_watch_time(
    rows: list[dict[str, Any]], expected: dict[Any, Any], begins: datetime | None = None
) -> None:
    """`starts_at` is that of the whole period, also where the interval begins later."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {
        (row.get("starts_at"), row["user_id"], row["resource"]): row
        for row in rows
        if row["sessions"]
    }
    assert len(found) == len(expected)
    for (starts_at, *names), (sessions, length) in expected.items():
        at = None if starts_at is None else milliseconds(starts_at)
        if starts_at == begins is not None:
            at = min((key[0] for key in found), default=at)
        row = found[at, *names]
        assert row["sessions"] == sessions
        assert is_close(row["watched_ms"], length)


@pytest.mark.parametrize("is_visible", [False, True])
@pytest.mark.parametrize("seed", range(WORLDS))
async def test_an_audience_is_what_there_was(
    db: asyncpg.Connection, seed: int, is_visible: bool
) -> None:
    dice = Random(seed)  # noqa: S311  # no secret
    for length, choices in (
        (3 * HOUR, ((None, "UTC"), ("minute", "UTC"), ("hour", "Asia/Kolkata"))),
        (60 * HOUR, (("hour", "Europe/Berlin"), ("day", "America/New_York"), ("day", "UTC"))),
    ):
        world = await new_world(db, seed, length, is_visible=is_visible)
        for period, zone in choices:
            span = some_span(dice, length)
            resources = dice.choice((None, ["x"], ["x", "y"], ["nowhere"]))
            least = dice.choice((timedelta(0), MOMENT, 30 * SECOND, 60 * SECOND))
            resolution = dice.choice((MOMENT, SECOND, 7 * SECOND))
            asked = (period, zone, resources, least, resolution)
            rows = await told(db, "audience", *span, *asked, world.now, is_visible)
            check_audience(rows, stays.audience(world, span, *asked))


def check_audience(rows: list[dict[str, Any]], expected: list[stays.Audience]) -> None:
    assert [(row["starts_at"], row["ends_at"]) for row in rows] == [
        (milliseconds(one.starts_at), milliseconds(one.ends_at)) for one in expected
    ]
    for row, one in zip(rows, expected, strict=True):
        counts = ("unique_viewers", "new_viewers", "retained_viewers", "views", "sessions")
        assert {name: row[name] for name in counts} == {name: getattr(one, name) for name in counts}
        assert is_close(row["watched_ms"], one.watched)
        assert (row["peak_viewers"], row["peak_at"]) == (
            one.peak_viewers,
            milliseconds(one.peak_at),
        )
