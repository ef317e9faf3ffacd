"""Roll-ups: what reports read of them is what the sessions say.

`WORLDS=500 .venv/bin/python -m pytest tests/sql/test_rollups.py` makes more worlds.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from handlers.adapters.statements import text
from tests.support import stays
from tests.support.databases import EMPTY
from tests.support.reports import MIDNIGHT, at, past
from tests.support.rollups import ROWS, has_swept, roll_up

if TYPE_CHECKING:
    from tests.support.stays import Span, World

WORLDS = int(os.environ.get("WORLDS", "6"))
# Berlin's clocks are put forward at 01:00 UTC.
T0 = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
LENGTH = timedelta(hours=40)
MOMENT, MINUTE, HOUR = timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)
QUARTER = 15 * MINUTE
ALWAYS = datetime.min  # noqa: DTZ901  # -infinity
ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe")
# Some ends are uncertain, by up to two hours.
UNCERTAIN = """
update past_sessions
   set ended_within = (array['0', '7 minutes', '90 minutes'])[1 + (id % 3)]::interval
 where away_since is null
"""


async def report(db: asyncpg.Connection, name: str, *args: object) -> list[dict[str, Any]]:
    """As the HTTP API asks for it."""
    async with db.transaction(readonly=True):
        await db.fetch("select limit_report(60000)")
        return [dict(row) for row in await db.fetch(text(name), *args)]


async def new_world(db: asyncpg.Connection, dice: Random, *, has_outages: bool = True) -> World:
    await db.execute(EMPTY)
    world = stays.generated(dice, T0, LENGTH, has_outages=has_outages)
    await world.store(db)
    await db.execute(UNCERTAIN)
    return world


def some_span(dice: Random) -> Span:
    """Within quarters, or of whole ones; some of it not final yet."""
    begins = T0 + LENGTH * dice.random() / 2
    ends = begins + LENGTH * (0.05 + dice.random() * 0.7)
    return dice.choice((floored(begins), begins)), dice.choice((floored(ends), ends))


def floored(moment: datetime) -> datetime:
    return moment - (moment - T0) % QUARTER


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_watch_time_of_all_is_what_the_sessions_say(
    db: asyncpg.Connection, seed: int
) -> None:
    """By roll-ups, with some quarters due again, and without them; also in any zone of the role."""
    dice = Random(seed)  # noqa: S311  # no secret
    world = await new_world(db, dice)
    await db.execute(f"set timezone = '{dice.choice(ZONES)}'")
    await has_swept(db, world.now - dice.random() * HOUR)
    await roll_up(db, world.now, dice.randint(1, 30))
    for _ in range(dice.choice((0, 3))):
        begins = T0 + LENGTH * dice.random()
        await db.execute("select roll_up_again($1, $2)", begins, begins + HOUR * dice.random())
    for _ in range(12):
        await compare_watch_time(db, dice, some_span(dice), world.now)


async def compare_watch_time(
    db: asyncpg.Connection, dice: Random, span: Span, now: datetime
) -> None:
    zone, is_visible = dice.choice(ZONES), dice.choice((False, True))
    by, resource = dice.choice(([], ["resource"])), dice.choice((None, "x"))
    period = dice.choice((None, "day", "hour"))
    asked = (*span, period, zone, bool(by), resource, ALWAYS, "", None, now, is_visible, True)
    found = await report(db, "watch_time_of_all", *asked)
    if period is None:
        who = (by, None, resource, "", "", None, now, is_visible, True)
        expected = await report(db, "watch_time_by", *span, *who)
        expected = [{"starts_at": None, **row} for row in expected]
    else:
        which = (period, zone, by, None, resource, ALWAYS, "", "", None, now, is_visible, True)
        expected = await report(db, "watch_time_in", *span, *which)
    assert [*filter(seen, found)] == [*filter(seen, expected)], asked


def seen(row: dict[str, Any]) -> bool:
    """Of a part of no length, whose session is counted before, one may have a row of nothing."""
    return bool(row["sessions"] or row["watched_ms"] or row["uncertain_ms"])


STATE = "select rolled_up_to from rollup_state"


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_what_is_kept_is_what_a_rebuild_makes(db: asyncpg.Connection, seed: int) -> None:
    """Rolled up while it happened, each time as far as it was final, or all at once at its end."""
    dice = Random(seed)  # noqa: S311  # no secret
    world = await new_world(db, dice)
    now = T0
    while now < world.now:
        # What is not over yet has not happened.
        await has_swept(db, now - dice.random() * HOUR)
        await roll_up(db, now, dice.randint(1, 9))
        now += HOUR * dice.choice((0.05, 0.3, 1, 5))
    await roll_up(db, world.now)
    kept = await db.fetch(ROWS)
    assert kept
    ends = await db.fetchval(STATE)
    await db.execute("select roll_up_quarters($1, $2, $3)", T0 - LENGTH, ends, world.now)
    assert await db.fetch(ROWS) == kept


async def test_after_an_outage_of_the_sweep_it_catches_up(db: asyncpg.Connection) -> None:
    """So many quarters in a call; each says how far it is behind."""
    await past(db, at(0), at(600))
    await has_swept(db, at(660))
    row = await db.fetchrow("select * from roll_up(4, $1)", at(661))
    assert (row["quarters"], row["is_behind"]) == (4, True)
    behind = timedelta(seconds=row["behind_seconds"])
    assert behind == at(661) - await db.fetchval(STATE)
    assert await roll_up(db, at(661)) > 20
    assert await db.fetchval(STATE) == at(660) - 9 * QUARTER
    assert await roll_up(db, at(661)) == 0


@pytest.mark.parametrize(
    ("since", "final"), [(134, -QUARTER), (135, 0 * MINUTE), (149, 0 * MINUTE)]
)
async def test_final_is_what_was_two_hours_and_a_quarter_before_a_whole_cycle(
    db: asyncpg.Connection, since: float, final: timedelta
) -> None:
    await has_swept(db, at(since))
    assert await db.fetchval("select final_until($1)", at(since)) == MIDNIGHT + final


async def test_before_the_first_whole_cycle_nothing_is_final(db: asyncpg.Connection) -> None:
    await past(db, at(0), at(60))
    row = await db.fetchrow("select * from roll_up(9, $1)", at(600))
    assert tuple(row) == (0, 0, False)


async def test_a_cycle_to_come_proves_nothing(db: asyncpg.Connection) -> None:
    """The clock has gone back since it began."""
    await past(db, at(0), at(60))
    await has_swept(db, at(600) + MOMENT)
    row = await db.fetchrow("select * from roll_up(9, $1)", at(600))
    assert tuple(row) == (0, 0, False)


async def test_after_the_clock_has_gone_back_quarters_are_rolled_up_again(
    db: asyncpg.Connection,
) -> None:
    await past(db, at(0), at(5))
    await has_swept(db, at(1440))
    await roll_up(db, at(1440))
    # It shows midnight again, and a session comes where the roll-ups are.
    await past(db, at(60), at(70), "bob")
    asked = (at(0), at(600), None, "UTC", False, None, ALWAYS, "", None)
    (row,) = await report(db, "watch_time_of_all", *asked, at(71), False, True)
    assert row["watched_ms"] == 15 * 60_000
    await has_swept(db, at(150))
    await roll_up(db, at(150))
    assert await db.fetchval(STATE) == at(15)
    await has_swept(db, at(600))
    await roll_up(db, at(600))
    (row,) = await report(db, "watch_time_of_all", *asked, at(600), False, True)
    assert row["watched_ms"] == 15 * 60_000


async def test_a_second_call_beside_one_does_nothing(
    db: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    await past(db, at(0), at(60))
    await has_swept(db, at(600))
    async with pool.acquire() as other, other.transaction():
        await other.execute("select roll_up(4, $1)", at(600))
        row = await db.fetchrow("select * from roll_up(4, $1)", at(600))
        assert (row["quarters"], row["is_behind"]) == (0, False)


async def test_what_has_changed_is_read_from_sessions_until_it_is_rolled_up_again(
    db: asyncpg.Connection,
) -> None:
    """In the transaction of the change already, and by the next roll-up as well."""
    await past(db, at(0), at(60))
    await has_swept(db, at(600))
    await roll_up(db, at(600))
    asked = (at(0), at(300), None, "UTC", False, None, ALWAYS, "", None, at(600), False, True)
    async with db.transaction():
        await db.execute("update past_sessions set ended_at = $1", at(40))
        await db.execute("select roll_up_again($1, $2)", at(40), at(60))
        (row,) = await db.fetch(text("watch_time_of_all"), *asked)
        assert (row["watched_ms"], row["sessions"]) == (40 * 60_000, 1)
    assert await roll_up(db, at(600)) == 3
    assert await db.fetchval("select count(*) from rollups_due") == 0
    assert await db.fetchval("select sum(watched) from rollups where resource = ''") == 80 * MINUTE
    (row,) = await report(db, "watch_time_of_all", *asked)
    assert (row["watched_ms"], row["sessions"]) == (40 * 60_000, 1)


async def test_a_change_under_way_keeps_its_mark(
    db: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    """The roll-up beside it cannot see the change yet, and does not wait for it."""
    await past(db, at(0), at(60))
    await has_swept(db, at(600))
    await roll_up(db, at(600))
    await db.execute("select roll_up_again($1, $1)", at(50))
    async with pool.acquire() as other, other.transaction():
        await other.execute("update past_sessions set ended_at = $1", at(50))
        await other.execute("select roll_up_again($1, $1)", at(50))
        assert await roll_up(db, at(600)) == 0
    assert await roll_up(db, at(600)) == 1
    assert await db.fetchval("select sum(watched) from rollups where resource = ''") == 100 * MINUTE


async def test_sums_outlive_the_sessions_whose_month_is_dropped(own_dsn: str) -> None:
    """And no roll-up of that time is made again, from the sessions that are left."""
    db = await asyncpg.connect(own_dsn)
    await db.execute("select keep_months(0, $1)", MIDNIGHT)
    await past(db, at(-60), at(60))
    await past(db, at(31 * 1440 - 60), at(31 * 1440 + 60))
    now = at(140 * 1440)
    await has_swept(db, now)
    await roll_up(db, now, 3_000)
    asked = (
        at(-1440),
        at(60 * 1440),
        "day",
        "UTC",
        False,
        None,
        ALWAYS,
        "",
        None,
        now,
        False,
        True,
    )
    before = await report(db, "watch_time_of_all", *asked)
    assert sum(row["watched_ms"] for row in before) == 4 * 3_600_000
    await db.execute("select keep_months(1, $1)", at(70 * 1440))
    assert await db.fetchval("select count(*) from past_sessions") == 1
    for begins in (at(-60), at(31 * 1440 - 60)):
        await db.execute("select roll_up_again($1, $2)", begins, begins + 2 * HOUR)
    await roll_up(db, now)
    assert await report(db, "watch_time_of_all", *asked) == before
    await db.close()


IN_SESSIONS = """
select ms(at) as at, viewers, peak_viewers, ms(peak_at) as peak_at
  from viewers_in_sessions($1, $2, $3, $4, $5, $6) as counted order by counted.at
"""
STEPS = (QUARTER, 2 * QUARTER, HOUR, 3 * HOUR, 24 * HOUR, 7 * MINUTE, 20 * MINUTE)


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_viewers_at_once_are_what_the_sessions_say(db: asyncpg.Connection, seed: int) -> None:
    """What is rolled up is exact, whatever the resolution is that the rest is counted by."""
    dice = Random(seed)  # noqa: S311  # no secret
    world = await new_world(db, dice)
    await db.execute(f"set timezone = '{dice.choice(ZONES)}'")
    await has_swept(db, world.now - dice.random() * HOUR)
    await roll_up(db, world.now, dice.randint(1, 30))
    if dice.random() < 0.5:
        begins = T0 + LENGTH * dice.random()
        await db.execute("select roll_up_again($1, $2)", begins, begins + HOUR * dice.random())
    await db.execute("set timezone = 'UTC'")  # as reports do
    for _ in range(8):
        span, step = some_span(dice), dice.choice(STEPS)
        who = (*span, step, dice.choice((None, "x")))
        exact = await db.fetch(IN_SESSIONS, *who, MOMENT, world.now)
        found = await report(db, "concurrency", *who, MOMENT, world.now, True)
        assert found == [dict(row) for row in exact], who
        coarse = await db.fetch(IN_SESSIONS, *who, MINUTE, world.now)
        found = await report(db, "concurrency", *who, MINUTE, world.now, True)
        due = {at for (at,) in await db.fetch("select starts_at from rollups_due")}
        ends = await db.fetchval(STATE)
        is_whole = span[0] == floored(span[0]) and step % QUARTER == 0 * MINUTE
        for row, exactly, coarsely in zip(found, exact, coarse, strict=True):
            begins = datetime.fromtimestamp(row["at"] / 1_000, UTC)
            is_rolled_up = begins + step <= min(ends, span[1]) and not any(
                begins <= at < begins + step for at in due
            )
            assert row == dict(exactly if is_whole and is_rolled_up else coarsely), (who, begins)
