"""Watch time of now: open sessions that are summed at once count as if each were looked at.

`WORLDS=500 .venv/bin/python -m pytest tests/sql/test_open_sessions.py` makes more worlds.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.sql.tabs import Tab, at, finalize
from tests.support.databases import EMPTY
from tests.support.reports import past
from tests.support.truth import ALWAYS, told

if TYPE_CHECKING:
    import asyncpg

    from tests.support.stays import Span

WORLDS = int(os.environ.get("WORLDS", "4"))
NOW = datetime(2026, 3, 29, 3, 0, tzinfo=UTC)
MOMENT, MINUTE, HOUR = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)
# Most users are on one resource and nowhere else, some hide the page, and some were away.
OPEN = """
insert into watching_times
       (user_id, resource, joined_at, seen_at, nodes, away_since, visible, was_alone)
values ($1, $2, $3, $3, '{"node": {"tab": {"at": 0, "hidden": 1}}}', $4, $5, $6)
"""


async def store(db: asyncpg.Connection, dice: Random) -> None:
    await db.execute(EMPTY)
    for number in range(40):
        user, resources = f"u{number}", dice.sample("xy", dice.choice((1, 1, 1, 2)))
        # The first may have begun before that was written.
        was_alone = iter((dice.choice((True, False)), False))
        for resource in resources:
            joined_at = dice.choice((NOW, NOW - HOUR, some_moment(dice), NOW + MINUTE))
            away_since = dice.choice((None, None, joined_at - 40 * MINUTE, joined_at - MINUTE))
            visible: list[object] | None = dice.choice((None, None, None, []))
            seen = (away_since, visible, next(was_alone))
            await db.execute(OPEN, user, resource, joined_at, *seen)
        if dice.random() < 0.2:
            ended_at = some_moment(dice)
            await past(db, ended_at - HOUR * dice.random(), ended_at, user, "z")


def some_moment(dice: Random) -> datetime:
    return NOW - dice.choice((MINUTE * dice.randint(1, 300), 5 * HOUR * dice.random()))


def some_span(dice: Random) -> Span:
    begins = NOW - dice.choice((HOUR, 4 * HOUR, 5 * HOUR * dice.random(), timedelta(0)))
    return begins, dice.choice((NOW, NOW + MOMENT, NOW + HOUR, begins + HOUR * dice.random()))


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_open_sessions_are_summed_as_if_each_were_looked_at(
    db: asyncpg.Connection, seed: int
) -> None:
    dice = Random(seed)  # noqa: S311  # no secret
    await store(db, dice)
    for _ in range(12):
        span, is_visible = some_span(dice), dice.choice((False, True))
        by, resource = dice.choice(([], ["resource"])), dice.choice((None, None, "x"))
        where = ("hour", "Asia/Kolkata")
        found = await told(
            db,
            "watch_time_of_all",
            *(*span, *where, bool(by), resource, ALWAYS, "", None, NOW, is_visible, True),
        )
        expected = await told(
            db,
            "watch_time_in",
            *(*span, *where, by, None, resource, ALWAYS, "", "", None, NOW, is_visible, True),
        )
        assert [*filter(seen, found)] == [*filter(seen, expected)], span


async def test_of_users_with_several_sessions_each_is_looked_at(db: asyncpg.Connection) -> None:
    ann, bob, eve = (
        [
            Tab(f"{name}-{resource}", name, resource, expires_at=at(3800))
            for resource in ("one", "two")
        ]
        for name in ("ann", "bob", "eve")
    )
    for tab in (ann[0], *bob, *eve):
        await tab.connect(db, at(0))
    await eve[0].disconnect(db, at(60))
    await finalize(db, at(3600))
    shared = "select shared_users($1, $2, true)"
    begun = "select user_id || ' ' || resource from watching_times where was_alone order by 1"
    assert [one for (one,) in await db.fetch(begun)] == ["ann one", "bob one"]
    # Eve's other one is past.
    assert await db.fetchval(shared, at(8 * 3600), at(9 * 3600)) == ["bob"]
    assert await db.fetchval(shared, at(0), at(9 * 3600)) == ["bob", "eve"]
    # Ann opens another; and whatever of bob's ends, what is left is looked at no more.
    await ann[1].connect(db, at(3700))
    await bob[0].disconnect(db, at(3700))
    await finalize(db, at(8000))
    assert await db.fetchval(shared, at(8 * 3600), at(9 * 3600)) == ["ann"]


def seen(row: dict[str, Any]) -> bool:
    """Of a part of no length, whose session is counted before, one may have a row of nothing."""
    return bool(row["sessions"] or row["watched_ms"] or row["uncertain_ms"])


@pytest.mark.parametrize("times", [1, 7, 12_347, 640_000, 3_000_000])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "length",
    [
        timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999),
        # Of a month, PostgreSQL keeps the days apart.
        timedelta(days=30, minutes=10, seconds=59, microseconds=37_239),
    ],
)
async def test_a_length_is_multiplied_to_the_microsecond(
    db: asyncpg.Connection, length: timedelta, sign: int, times: int
) -> None:
    product = await db.fetchval("select extract(epoch from multiply($1, $2))", sign * length, times)
    assert int(product * 1_000_000) == times * (sign * length // MOMENT)
