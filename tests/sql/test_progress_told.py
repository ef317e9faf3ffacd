"""How far a user is in a campaign is told in steps, each once, to the users who are online."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import Tab, at
from tests.support.campaigns import begin, judge, milestones

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

STEPS = "select broadcast_id from broadcasts where kind = 'progress' order by at, broadcast_id"


async def steps(db: asyncpg.Connection, *seconds: float) -> list[int]:
    """How many broadcasts there are after a run at each of these moments."""
    counts = []
    for second in seconds:
        await judge(db, at(second))
        counts.append(len(await db.fetch(STEPS)))
    return counts


async def pages(db: asyncpg.Connection, now: datetime) -> list[Any]:
    """What all broadcasts of progress push."""
    found = []
    for (broadcast_id,) in await db.fetch(STEPS):
        row = await db.fetchrow(
            "select * from broadcast_page($1, 1, $2, 100, 100000, p_now => $3)",
            *(broadcast_id, uuid4(), now),
        )
        found += json.loads(row["recipients"] or "[]")
    return found


@pytest.mark.parametrize(
    ("lengths", "every", "moments"),
    [
        ((600,), None, (150, 300, 450, 600)),
        # A quarter and a half of the second are before the first.
        ((600, 800), None, (150, 300, 450, 600, 800)),
        ((), 400, (100, 200, 300, 400, 500, 600)),
    ],
)
async def test_each_quarter_is_told_once(
    db: asyncpg.Connection, lengths: tuple[float, ...], every: float | None, moments: list[float]
) -> None:
    await begin(db, at(0), *lengths, every=every)
    await Tab("a").connect(db, at(0))
    for count, second in enumerate(moments):
        assert await steps(db, second - 0.001, second, second) == [count, count + 1, count + 1]


async def test_a_late_run_tells_all_steps_at_once(db: asyncpg.Connection) -> None:
    await begin(db, at(0), 600, 1_200)
    await Tab("a").connect(db, at(0))
    assert await steps(db, 3_000, 3_060) == [1, 1]


async def test_each_device_is_told_what_its_user_has_watched(db: asyncpg.Connection) -> None:
    campaign = await begin(db, at(0), 600)
    for name, user in (("a", "ann"), ("b", "ann"), ("c", "bob")):
        await Tab(name, user).connect(db, at(0))
    await judge(db, at(160))
    read = await pages(db, at(161))
    progress = {"campaign_id": str(campaign), "watched_ms": 160_000}
    assert [(user, event) for user, _, event in read] == [("ann", progress), ("bob", progress)]
    assert [sorted(tab for _, tab in tabs) for _, tabs, _ in read] == [["a", "b"], ["c"]]


async def test_a_later_step_takes_the_place_of_one_that_was_not_pushed(
    db: asyncpg.Connection,
) -> None:
    await begin(db, at(0), 600)
    await Tab("a").connect(db, at(0))
    assert await steps(db, 150, 310) == [1, 2]
    assert [event["watched_ms"] for _, _, event in await pages(db, at(311))] == [310_000]


async def test_a_user_who_is_away_is_told_when_they_are_back(db: asyncpg.Connection) -> None:
    await begin(db, at(0), 600)
    await Tab("a").connect(db, at(0))
    await Tab("a").disconnect(db, at(200))
    assert await steps(db, 260) == [0]
    await Tab("b", expires_at=at(330)).connect(db, at(300))
    assert await steps(db, 301) == [1]


@pytest.mark.parametrize("limits", [{"per_user": 1}, {"in_all": 1}, {"cool_down_seconds": 100_000}])
async def test_a_user_who_can_have_no_more_is_told_nothing(
    db: asyncpg.Connection, limits: dict[str, float]
) -> None:
    order = json.dumps(milestones(every=100))
    await begin(db, at(0), milestones=order, limits=json.dumps(limits))
    await Tab("a").connect(db, at(0))
    assert await steps(db, 100, 200) == [1, 1]


async def test_the_schedule_finds_what_is_to_be_told(db: asyncpg.Connection) -> None:
    now = await db.fetchval("select clock_timestamp()")
    await begin(db, now - timedelta(minutes=10), 600)
    await Tab("a", expires_at=now).connect(db, now - timedelta(minutes=9))
    await judge(db, now)
    (row,) = await db.fetch(text("list_orphaned_broadcasts"))
    assert (row["kind"], row["round"]) == ("progress", 1)
