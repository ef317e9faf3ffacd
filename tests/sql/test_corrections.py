"""Corrections: what was recorded stays, and each sum is that of the times in force.

`WORLDS=500 .venv/bin/python -m pytest tests/sql/test_corrections.py` makes more of them.
"""

from __future__ import annotations

import asyncio
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from tests.sql.book import Book, correct, correct_some, ms, reports_are_right, sums_are_right
from tests.sql.tabs import WRONG_TOTALS, Tab, at, finalize
from tests.support import stays
from tests.support.campaigns import WHO_IS_DUE, begin
from tests.support.databases import EMPTY, of_functions
from tests.support.truth import ALWAYS, T0, ZONES, some_span, told

if TYPE_CHECKING:
    from tests.support.stays import World

WORLDS = int(os.environ.get("WORLDS", "6"))
SQL = Path(__file__).parents[2] / "sql"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LENGTH = 60 * HOUR
# Behind all ids that sessions get by themselves.
FAR = 10**9
RECORDED = (
    "select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible"
    " from past_sessions where revision = 0 order by ended_at, id"
)
PROGRESS = (
    "select user_id, watched from campaign_progress"
    " where campaign_id = $1 and watched > '0' order by 1"
)


async def new_book(db: asyncpg.Connection, dice: Random) -> Book:
    await db.execute(EMPTY)
    await db.execute(f"set timezone = '{dice.choice(ZONES)}'")
    book = Book(stays.generated(dice, T0, LENGTH))
    await book.recorded.store(db)
    return book


async def test_sums_are_those_in_force_and_what_was_recorded_stays(db: asyncpg.Connection) -> None:
    outcomes = set()
    for seed in range(WORLDS):
        dice = Random(seed)  # noqa: S311  # no secret
        book = await new_book(db, dice)
        before = await db.fetch(RECORDED)
        await db.execute("update sweep_cursor set probed_since = $1", book.recorded.now)
        assert await db.fetchval("select quarters from roll_up(9999, $1)", book.recorded.now) > 100
        outcomes |= await correct_some(db, dice, book, 60)
        if seed % 2:
            assert await db.fetchval("select quarters from roll_up(99, $1)", book.recorded.now) > 9
        assert await db.fetch(RECORDED) == before
        await sums_are_right(db, book.in_force())
        span, zone = some_span(dice, LENGTH), dice.choice(ZONES)
        for world, is_corrected in ((book.in_force(), True), (book.recorded, False)):
            await reports_are_right(db, world, span, zone, is_corrected)
            await lists_are_right(db, world, is_corrected)
    assert outcomes >= {
        "created",
        "open",
        "unknown",
        "replaced",
        "unchanged",
        "overlaps",
        "far",
        "in_future",
    }


async def lists_are_right(db: asyncpg.Connection, world: World, is_corrected: bool) -> None:
    args = (ALWAYS, datetime.max, *[None] * 8, world.now, is_corrected)  # noqa: DTZ901  # infinity
    rows = await told(db, "sessions", *args)
    assert sorted((row["session_id"], row["joined_at"]) for row in rows) == sorted(
        (one.session_id, round(ms(one.joined_at).timestamp() * 1000)) for one in world.stays
    )
    assert all(row["replaced_by"] is None if is_corrected else not row["revision"] for row in rows)


async def past(
    db: asyncpg.Connection | asyncpg.Pool,
    session_id: int,
    begins: float,
    ends: float,
    resource: str = "one",
) -> None:
    await db.execute(
        "insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by,"
        " ended_within) values ($1, 'ann', $2, $3, $4, 'swept', '1 minute')",
        *(session_id, resource, at(begins), at(ends)),
    )


async def test_a_corrected_end_is_certain_and_keeps_its_cause(db: asyncpg.Connection) -> None:
    await past(db, 1, 0, 600)
    assert (await correct(db, 1, [(at(0), at(60)), (at(120), at(300))]))["outcome"] == "created"
    rows = await db.fetch("select * from read_past(true) order by joined_at")
    assert [(row["ended_by"], row["ended_within"], row["away_since"]) for row in rows] == [
        ("divided", timedelta(0), None),
        ("swept", timedelta(0), at(60)),
    ]
    assert [row["revision"] for row in rows] == [1, 1]


async def test_a_session_that_did_not_happen_can_have_happened_after_all(
    db: asyncpg.Connection,
) -> None:
    await past(db, 1, 0, 600)
    assert (await correct(db, 1, []))["outcome"] == "created"
    assert await db.fetchval("select watched('ann', null, now())") == timedelta(0)
    assert (await correct(db, 1, []))["outcome"] == "replaced"
    assert (await correct(db, 1, [], revision=1))["outcome"] == "unchanged"
    assert (await correct(db, 1, [(at(0), at(600))], revision=1))["outcome"] == "created"
    assert await db.fetchval("select watched('ann', null, now())") == timedelta(minutes=10)


async def test_progress_towards_awards_stays_as_recorded(db: asyncpg.Connection) -> None:
    """A minute that was paid is not paid again, and none is taken back."""
    campaign = await begin(db, at(-600), every=3_600)
    await past(db, FAR + 1, 0, 600)
    await correct(db, FAR + 1, [])
    assert [row["watched"] for row in await db.fetch(PROGRESS, campaign)] == [timedelta(minutes=10)]
    await past(db, FAR + 2, 300, 900, "two")
    assert [row["watched"] for row in await db.fetch(PROGRESS, campaign)] == [timedelta(minutes=15)]
    assert await db.fetchval("select watched('ann', null, now())") == timedelta(minutes=10)
    tab = Tab("a", "ann", "two", expires_at=at(9999))
    await tab.connect(db, at(1000))
    times = [(at(0), at(600)), (at(601), at(950))]
    assert (await correct(db, FAR + 1, times, revision=1, now=at(1000)))["outcome"] == "created"
    assert not await db.fetch(WHO_IS_DUE, at(1000 + 45 * 60 - 1))
    assert len(await db.fetch(WHO_IS_DUE, at(1000 + 45 * 60))) == 1


async def test_only_a_session_that_is_over_for_good_is_corrected(db: asyncpg.Connection) -> None:
    tab = Tab("a")
    await tab.connect(db, at(0))
    session_id = await db.fetchval("select id from watching_times")
    assert (await correct(db, session_id, []))["outcome"] == "open"
    await tab.disconnect(db, at(10))
    assert (await correct(db, session_id, []))["outcome"] == "open"
    await finalize(db, at(3600))
    assert (await correct(db, session_id, []))["outcome"] == "created"
    assert (await correct(db, session_id, [], user_id="bob"))["outcome"] == "unknown"


async def test_of_two_corrections_at_once_one_is_made(pool: asyncpg.Pool) -> None:
    for number in range(20):
        await past(pool, number, number * 100, number * 100 + 50)
    rows = await asyncio.gather(
        *(
            correct(pool, number, [(at(number * 100), at(number * 100 + 1 + length))])
            for number in range(20)
            for length in range(3)
        )
    )
    outcomes = sorted(row["outcome"] for row in rows)
    assert outcomes == ["created"] * 20 + ["replaced"] * 40
    await totals_are_right(pool)


async def test_one_id_for_two_users_at_once_makes_one_correction(pool: asyncpg.Pool) -> None:
    for number in range(10):
        await past(pool, number, 0, 600)
        await pool.execute("update past_sessions set user_id = $1::text where id = $2",
                           f"u{number}", number)  # fmt: skip
    same = uuid4()
    rows = await asyncio.gather(
        *(correct(pool, n, [], user_id=f"u{n}", correction_id=same) for n in range(10))
    )
    assert sorted(row["outcome"] for row in rows) == ["conflict"] * 9 + ["created"]


async def test_corrections_while_sessions_are_finalized_keep_the_totals(
    pool: asyncpg.Pool,
) -> None:
    """Of one person, on several resources, that overlap."""
    for number in range(30):
        await past(pool, FAR + number, 10 * number, 10 * number + 5, f"past {number}")
    for number in range(30):
        tab = Tab(f"t{number}", "ann", f"open {number}", expires_at=at(9999))
        await tab.connect(pool, at(10 * number))
        await tab.disconnect(pool, at(10 * number + 7))
    rows = await asyncio.gather(
        *(
            correct(pool, FAR + number, [(at(10 * number + 3), at(10 * number + 9))])
            for number in range(30)
        ),
        *(finalize(pool, at(9999), 3) for _ in range(12)),
    )
    await finalize(pool, at(9999))
    assert [row["outcome"] for row in rows[:30]] == ["created"] * 30
    await totals_are_right(pool)


async def totals_are_right(db: asyncpg.Connection | asyncpg.Pool) -> None:
    """A total of a session that did not happen is 0."""
    wrong = await db.fetch(WRONG_TOTALS)
    assert [row for row in wrong if row["past"] or row["watched"] or row["hidden"]] == []


async def test_the_functions_role_corrects_and_rewrites_nothing(own_dsn: str) -> None:
    db = await asyncpg.connect(of_functions(own_dsn))
    await past(db, 1, 0, 600)
    assert (await correct(db, 1, [(at(0), at(60))]))["outcome"] == "created"
    for change in ("revision = 1", "ended_at = now()", "user_id = 'me'", "visible = null"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(f"update past_sessions set {change}")  # noqa: S608
    await db.close()


async def test_an_entry_is_kept_as_long_as_its_session(own_dsn: str) -> None:
    db = await asyncpg.connect(own_dsn)
    await past(db, 1, 0, 600)
    await correct(db, 1, [])
    kept = []
    for months in range(4):
        await db.execute("select keep_months(1, $1)", at(0) + months * 31 * DAY)
        kept.append(await db.fetchval("select count(*) from past_sessions"))
        assert await db.fetchval("select count(*) from corrections") == kept[-1]
    assert (kept[0], kept[-1]) == (1, 0)
    await db.close()


READER = re.compile(r"(?<!insert into )(?<!update )(?<!')\bpast_sessions\b(?!')")
# What reads both, each row by its condition, or all rows by their owner.
KNOWN = {
    "read_past.sql": "the one place",
    "find_correctable.sql": "tells what is recorded from what is in force",
    "add_watch_totals.sql": "sums what is in force, and progress as recorded",
}


def bare(sql: str) -> str:
    return re.sub(r"--.*$", "", sql, flags=re.MULTILINE)


def test_every_reader_says_which_rows_it_reads() -> None:
    """By asking `read_past`: a name of the table anywhere else is a reader of both."""
    files = [*(SQL / "functions").rglob("*.sql"), *(SQL / "queries").glob("*.sql")]
    readers = {path.name for path in files if READER.search(bare(path.read_text()))}
    assert readers == set(KNOWN)
    programs = [*(SQL.parent / "handlers").rglob("*.py"), *SQL.glob("*.py")]
    assert not [path.name for path in programs if "past_sessions" in path.read_text()]


async def test_the_view_of_all_sessions_has_those_in_force(db: asyncpg.Connection) -> None:
    await past(db, 1, 0, 600)
    await correct(db, 1, [(at(0), at(60))])
    assert [row["ended_at"] for row in await db.fetch("select * from sessions")] == [at(60)]
