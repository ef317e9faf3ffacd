"""Audiences of a sample of the users: each figure is what its rule says, and errs as it says.

`WORLDS=500 .venv/bin/python -m pytest tests/sql/test_audience_sampled.py` makes more worlds.
"""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from handlers.adapters.statements import text
from handlers.services.audience import (
    AudienceRow,
    choose_sample,
    error_percent,
    estimate_viewers,
)
from tests.support import stays
from tests.support.databases import EMPTY
from tests.support.reports import at, past
from tests.support.rollups import has_swept, roll_up
from tests.support.sampled import Sampled
from tests.support.truth import check_audience, told

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from tests.support.stays import Span, World

WORLDS = int(os.environ.get("WORLDS", "6"))
# Berlin's clocks are put forward at 01:00 UTC.
T0 = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
LENGTH = timedelta(hours=40)
NOTHING, MOMENT = timedelta(0), timedelta(microseconds=1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
QUARTER = 15 * MINUTE
ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "Australia/Lord_Howe")
SAMPLED = "select n::text from unnest($1::text[]) n where is_sampled(n, $2)"


@pytest.mark.parametrize("is_visible", [False, True])
@pytest.mark.parametrize("seed", range(WORLDS))
async def test_a_sampled_audience_is_that_of_its_users_and_of_roll_ups(
    db: asyncpg.Connection, seed: int, is_visible: bool
) -> None:
    await db.execute(EMPTY)
    dice = Random(seed)  # noqa: S311  # no secret
    # A session that an outage divides while it is hidden may be counted once less.
    world = stays.generated(dice, T0, LENGTH, users=12, has_outages=not is_visible)
    await world.store(db)
    await has_swept(db, world.now - dice.random() * HOUR)
    await roll_up(db, world.now, dice.randint(1, 30))
    for _ in range(dice.choice((0, 3))):
        begins = T0 + LENGTH * dice.random()
        await db.execute("select roll_up_again($1, $2)", begins, begins + HOUR * dice.random())
    if dice.random() < 0.5:
        await db.execute(
            "update watch_totals set first_at = '-infinity', first_visible_at = '-infinity'"
            " where hashtext(user_id) % 2 = 0"
        )
    for _ in range(8):
        await compare(db, dice, world, some_span(dice), is_visible=is_visible)


async def compare(
    db: asyncpg.Connection, dice: Random, world: World, span: Span, *, is_visible: bool
) -> None:
    period, zone = dice.choice((None, "day", "hour")), dice.choice(ZONES)
    resources = dice.choice((None, ["x"], ["x", "y"], ["nowhere"]))
    least = dice.choice((NOTHING, MOMENT, 20 * MINUTE))
    sample, is_corrected = dice.choice((256, 512)), dice.random() < 0.9
    is_known = is_corrected and (resources is None or len(resources) == 1)
    names = sorted({one.user_id for one in world.stays})
    model = Sampled(
        world.visible() if is_visible else world,
        frozenset(name for (name,) in await db.fetch(SAMPLED, names, sample)),
        1_024 // sample,
        await known_quarters(db, span, world.now) if is_known else [],
    )
    asked = (period, zone, resources, least)
    more = (MOMENT, world.now, is_visible, is_corrected, sample)
    rows = await told(db, "audience", *span, *asked, *more)
    expected = model.audience(span, *asked)
    check_audience(rows, expected)
    for row, one in zip(rows, expected, strict=True):
        control = model.control(one, resources)
        assert {name: row[name] for name in control} == control
        assert row["viewer_views"] <= row["sampled_views"]
        if least == NOTHING:
            assert row["viewer_views"] > 0 or row["sampled_views"] == 0 or period is not None


async def known_quarters(db: asyncpg.Connection, span: Span, now: datetime) -> list[Span]:
    """Whole ones that are rolled up, and not due again."""
    ends = min(span[1], now - 2 * HOUR, await db.fetchval("select rolled_up_to from rollup_state"))
    due = {at for (at,) in await db.fetch("select starts_at from rollups_due")}
    first = span[0] + (T0 - span[0]) % QUARTER
    quarters = (first + n * QUARTER for n in range((ends - first) // QUARTER))
    return [(one, one + QUARTER) for one in quarters if one not in due]


def some_span(dice: Random) -> Span:
    """Within quarters, or of whole ones; some of it not final yet, or to come."""
    begins = T0 + LENGTH * dice.random() / 2
    ends = begins + LENGTH * (0.05 + dice.random())
    return dice.choice((floored(begins), begins)), dice.choice((floored(ends), ends))


def floored(moment: datetime) -> datetime:
    return moment - (moment - T0) % QUARTER


async def test_a_sample_is_of_whole_users_and_in_the_larger_ones(db: asyncpg.Connection) -> None:
    counts = await db.fetchrow(
        "select count(*) filter (where is_sampled(n, 1024)),"
        " count(*) filter (where is_sampled(n, 64) and not is_sampled(n, 128)),"
        " count(*) filter (where is_sampled(n, 64))"
        " from (select 'user-' || generate_series(1, 64000) as n) as names"
    )
    every, beyond, some = counts
    assert (every, beyond) == (64_000, 0)
    assert abs(some - 4_000) < 4 * 61  # four standard errors


@pytest.mark.parametrize("sample", [128, 16])
async def test_an_estimate_errs_by_more_than_it_says_in_5_of_100_cases(
    db: asyncpg.Connection, sample: int
) -> None:
    """Of 1,500 audiences of 4,000 users each. The hash is what it is: the answer is always the
    same."""
    found = await db.fetch(
        "select count(*) filter (where is_sampled(names.audience || '-user-' || n, $1))"
        " from generate_series(1, 1500) as names(audience), generate_series(1, 4000) as n"
        " group by audience",
        sample,
    )
    scale = 1_024 // sample
    outside = sum(
        abs(scale * count - 4_000)
        > scale * count * (error_percent(scale * count, sample) or 0) / 100
        for (count,) in found
    )
    assert 0.03 < outside / len(found) < 0.065
    assert abs(sum(scale * count for (count,) in found) / (1_500 * 4_000) - 1) < 0.01


def row_of(views: list[int], all_views: int, share: float) -> AudienceRow:
    """A sample in which all are viewers."""
    counted = (all_views, sum(views), sum(view * view for view in views), sum(views))
    return AudienceRow(0, 0, round(len(views) / share), 0, 0, 0, 0, 0, 0, 0, *counted)


# How often each user comes.
OFTEN: dict[str, Callable[[Random], int]] = {
    "mostly once": lambda dice: 1 + (dice.random() < 0.03),
    "fewer and fewer": lambda dice: int(math.log(1 - dice.random()) / math.log(0.6)) + 1,
    "some very often": lambda dice: 200 if dice.random() < 0.001 else 1,
}


@pytest.mark.parametrize(
    ("how", "gain"), [("mostly once", 0.4), ("fewer and fewer", 0.7), ("some very often", 1.01)]
)
@pytest.mark.parametrize("sample", [128, 32])
def test_known_views_make_an_estimate_closer_that_errs_as_it_says(
    how: str, gain: float, sample: int
) -> None:
    """200 samples of 20,000 viewers. `gain`: of the error that it had without."""
    dice, share = Random(7), sample / 1_024  # noqa: S311  # no secret
    everyone = [OFTEN[how](dice) for _ in range(20_000)]
    outside, said = 0, 0.0
    for _ in range(200):
        size = round(dice.gauss(20_000 * share, math.sqrt(20_000 * share * (1 - share))))
        row = row_of(dice.sample(everyone, size), sum(everyone), share)
        viewers, unexplained = estimate_viewers(row, sample)
        percent = error_percent(viewers, sample, unexplained) or 0
        outside += abs(viewers - 20_000) > viewers * percent / 100
        said += percent / 200
    assert outside <= 0.1 * 200
    assert said <= gain * (error_percent(20_000, sample) or 0)


def test_views_say_nothing_of_a_few_viewers_or_beside_one_who_came_too_often() -> None:
    few, odd = row_of([1] * 499, 8_000, 1 / 16), row_of([1] * 999 + [9_000], 16_000, 1 / 16)
    assert estimate_viewers(few, 64) == (7_984, 7_984)
    assert estimate_viewers(row_of([1] * 500, 8_100, 1 / 16), 64) == (8_100, 64)
    assert estimate_viewers(odd, 64)[1] > 15_900


@pytest.mark.parametrize(
    ("viewers", "sample", "error"),
    [(0, 1_024, 0.0), (9, 1_024, 0.0), (0, 128, None), (8, 128, 187.08), (280_000, 128, 1.0)],
)
def test_the_error_is_that_of_a_share_of_the_viewers(
    viewers: int, sample: int, error: float | None
) -> None:
    assert error_percent(viewers, sample) == (
        error if not error else pytest.approx(error, abs=0.01)
    )


@pytest.mark.parametrize(
    ("sessions", "sample"),
    [
        *((0, 1_024), (60_000, 1_024), (60_001, 128)),
        *((480_000, 128), (480_001, 64), (960_001, 32), (10**12, 1)),
    ],
)
def test_a_sample_is_as_large_as_a_second_allows(sessions: int, sample: int) -> None:
    """On the visible clock a session takes twice as long."""
    assert choose_sample(sessions) == sample
    assert choose_sample((sessions + 1) // 2, is_visible=True) == sample


async def test_the_sessions_of_a_sample_have_an_index(db: asyncpg.Connection) -> None:
    """For each sample but that of all."""
    await db.execute(
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) select n, 'user-' || n, 'site', $1::timestamptz + n * interval '1 minute',"
        " $1 + n * interval '1 minute' + interval '5 minutes', 'client', '0'"
        " from generate_series(1, 5000) as n",
        at(0),
    )
    await db.execute("analyze past_sessions")
    explain = (
        "explain select count(*) from sessions_between('2026-03-02', '2026-03-05') as s"
        " where is_sampled(s.user_id, {})"
    )
    for sample, has_index in ((1, True), (128, True), (1_024, False)):
        plan = "\n".join(line for (line,) in await db.fetch(explain.format(sample)))
        assert ("hashtextextended" in plan) is (sample < 1_024)
        assert ("_ended_at_idx" in plan) is has_index, plan


async def test_the_size_is_known_from_roll_ups_and_what_is_later(db: asyncpg.Connection) -> None:
    for minute in range(0, 600, 10):
        await past(db, at(minute), at(minute + 5), f"user-{minute}", "xy"[minute // 10 % 2])
    await db.execute(
        "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
        " values ('ann', 'x', $1, $1, '{}')",
        at(595),
    )
    await has_swept(db, at(435))
    for is_rolled_up in (False, True):
        if is_rolled_up:
            assert await roll_up(db, at(600)) > 10
        for asked, sessions in (
            ((at(0), at(600), None), 61),
            ((at(0), at(600), ["x"]), 31),
            ((at(0), at(600), ["x", "y"]), 61),
            ((at(60), at(120), None), 6),
            ((at(60), at(90_000), ["y"]), 27),
            ((at(-90), at(-60), None), 0),
        ):
            assert await db.fetchval(text("audience_size"), *asked, at(600)) == sessions, asked
