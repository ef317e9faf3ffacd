"""Each report equals brute force on the same generated sessions.

`WORLDS=500 .venv/bin/python -m pytest tests/sql/test_reports_truth.py` makes more of them.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.support import stays
from tests.support.databases import EMPTY
from tests.support.truth import (
    ALWAYS,
    T0,
    ZONES,
    check_audience,
    check_watch_time,
    some_span,
    told,
)

if TYPE_CHECKING:
    import asyncpg

    from tests.support.stays import World

WORLDS = int(os.environ.get("WORLDS", "6"))
HOUR = timedelta(hours=1)
MOMENT, SECOND = timedelta(microseconds=1), timedelta(seconds=1)


async def new_world(
    db: asyncpg.Connection, seed: int, length: timedelta, *, is_visible: bool
) -> World:
    """A session that an outage divides while it is hidden may be counted once less: none here."""
    await db.execute(EMPTY)
    dice = Random(seed)  # noqa: S311  # no secret
    world = stays.generated(dice, T0, length, has_outages=not is_visible)
    await world.store(db)
    return world.visible() if is_visible else world


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
            True,
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
                True,
            )
            rows = await told(db, "watch_time_in", *args)
            check_watch_time(rows, stays.watched(world, span, by, period, zone), span[0])


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
            rows = await told(db, "audience", *span, *asked, world.now, is_visible, True, 1_024)
            check_audience(rows, stays.audience(world, span, *asked))
