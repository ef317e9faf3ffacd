"""Corrections: what was recorded stays, and each sum is that of the times in force.

`WORLDS=500 .venv/bin/python -m pytest tests/sql/test_corrections.py` makes more of them.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.sql.tabs import WRONG_TOTALS, Tab, at, finalize
from tests.support import stays
from tests.support.databases import EMPTY, of_functions
from tests.support.stays import NOTHING, Stay, World, union
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
    from collections.abc import Sequence

    from tests.support.stays import Span

WORLDS = int(os.environ.get("WORLDS", "6"))
SQL = Path(__file__).parents[2] / "sql"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
LENGTH = 60 * HOUR
# Behind all ids that sessions get by themselves.
FAR = 10**9
RECORDED = (
    "select id, user_id, resource, joined_at, ended_at, ended_by, ended_within, away_since, visible"
    " from past_sessions where revision = 0 order by ended_at, id"
)
PROGRESS = (
    "select user_id, watched from award_progress where rule_id = $1 and watched > '0' order by 1"
)


def ms(moment: datetime) -> datetime:
    """As reports show it: the nearest millisecond."""
    microseconds = (moment - EPOCH) // MICROSECOND
    return EPOCH + (microseconds + 500) // 1000 * timedelta(milliseconds=1)


async def correct(  # noqa: PLR0913  # as an order has
    db: asyncpg.Connection | asyncpg.Pool,
    session_id: int,
    times: Sequence[Span],
    *,
    user_id: str = "ann",
    revision: int = 0,
    correction_id: UUID | None = None,
    now: datetime | None = None,
) -> asyncpg.Record:
    order = (user_id, session_id, revision, [one[0] for one in times], [one[1] for one in times])
    return await db.fetchrow(
        "select * from create_correction($1, $2, $3, $4, $5, $6, 'was wrong', 'ops', $7, $8)",
        *(correction_id or uuid4(), *order, str(order), now),
    )


@dataclass
class Book:
    """What is recorded of all sessions, and what is said of them instead."""

    recorded: World
    said: dict[int, list[Span]] = field(default_factory=dict)
    revisions: dict[int, int] = field(default_factory=dict)
    moments: dict[int, set[datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.recorded.stays:
            known = self.moments.setdefault(one.session_id, set())
            known |= {one.joined_at, one.ended_at or self.recorded.now}

    def parts(self, session_id: int) -> list[Stay]:
        return [one for one in self.recorded.stays if one.session_id == session_id]

    def in_force(self) -> World:
        """Each session as it was corrected last, with what was recorded as visible then."""
        found = [one for one in self.recorded.stays if one.session_id not in self.said]
        for session_id, spans in self.said.items():
            parts = self.parts(session_id)
            away_since = None
            for begins, ends in spans:
                shown = _shown(parts, (begins, ends))
                found.append(replace(
                    parts[0], joined_at=begins, ended_at=ends, away_since=away_since, visible=shown
                ))  # fmt: skip
                away_since = ends
        return World(found, self.recorded.now)

    def meant(self, session_id: int, times: Sequence[Span]) -> list[Span]:
        """With the moments that the milliseconds stand for, joined where they meet."""
        known, spans = self.moments[session_id], list[tuple[datetime, datetime]]()
        for begins, ends in times:
            starts = min((one for one in known if ms(one) == begins), default=begins)
            until = max((one for one in known if ms(one) == ends), default=ends)
            if spans and spans[-1][1] >= starts:
                spans[-1] = (spans[-1][0], max(until, spans[-1][1]))
            else:
                spans.append((starts, until))
        return spans

    def objections(
        self, user_id: str, session_id: int, revision: int, spans: list[Span]
    ) -> set[str]:
        """Every reason why this must not be written."""
        parts = [one for one in self.parts(session_id) if one.user_id == user_id]
        if not parts:
            return {"unknown"}
        if any(one.ended_at is None for one in parts):
            return {"open"}
        found = set()
        if revision != self.revisions.get(session_id, 0):
            found.add("replaced")
        if spans and spans[-1][1] > self.recorded.now:
            found.add("in_future")
        begins, ends = parts[0].joined_at, max(one.ended_at or T0 for one in parts)
        if spans and (spans[0][0] < begins - DAY or spans[-1][1] > ends + DAY):
            found.add("far")
        if spans == self.said.get(session_id, _times(parts) or None):
            found.add("unchanged")
        others = (
            (one.joined_at, one.ended_at or self.recorded.now + 9 * DAY)
            for one in self.in_force().stays
            if (one.user_id, one.resource) == (user_id, parts[0].resource)
            if one.session_id != session_id
        )
        if any(a < ends and b > begins for a, b in others for begins, ends in spans if a < b):
            found.add("overlaps")
        return found

    def write(self, session_id: int, spans: list[Span]) -> None:
        self.said[session_id] = spans
        self.revisions[session_id] = self.revisions.get(session_id, 0) + 1
        self.moments[session_id] |= {one for span in spans for one in span}


def _times(parts: Sequence[Stay]) -> list[Span]:
    """When the user was there, joined where parts meet."""
    spans: list[Span] = []
    for one in parts:
        ends = one.ended_at or T0
        if spans and spans[-1][1] == one.joined_at:
            spans[-1] = (spans[-1][0], ends)
        elif one.joined_at < ends:
            spans.append((one.joined_at, ends))
    return spans


def _shown(parts: Sequence[Stay], span: Span) -> tuple[Span, ...] | None:
    if all(one.visible is None for one in parts):
        return None
    shown = [
        one
        for part in parts
        for one in (
            ((part.joined_at, part.ended_at or T0),) if part.visible is None else part.visible
        )
    ]
    clipped = ((max(a, span[0]), min(b, span[1])) for a, b in shown)
    return tuple((a, b) for a, b in clipped if a < b)


def some_times(dice: Random, book: Book, session_id: int) -> list[Span]:
    """None; what is recorded with another end or a gap; or anything near it."""
    parts = book.parts(session_id)
    known = sorted({ms(one) for one in book.moments[session_id]})
    begins, ends = known[0], known[-1]
    around = (
        begins - dice.choice((NOTHING, HOUR, 26 * HOUR)),
        ends + dice.choice((NOTHING, HOUR, 20 * HOUR)),
    )
    length = (around[1] - around[0]) // SECOND
    free = [around[0] + dice.randint(0, length + 1) * SECOND for _ in range(4)]
    chosen = dice.choice((
        [], [ms(moment) for span in _times(parts) for moment in span], [begins, *free[:1]],
        [*dice.choices(known, k=2), *free[:2]], free[:2], free,
    ))  # fmt: skip
    moments = sorted({ms(one) for one in chosen})
    return list(zip(moments[::2], moments[1::2], strict=False))


async def new_book(db: asyncpg.Connection, dice: Random) -> Book:
    await db.execute(EMPTY)
    await db.execute(f"set timezone = '{dice.choice(ZONES)}'")
    book = Book(stays.generated(dice, T0, LENGTH))
    await book.recorded.store(db)
    return book


async def correct_some(db: asyncpg.Connection, dice: Random, book: Book, count: int) -> set[str]:
    """Right and wrong ones, corrections of corrections, repeats, late ones. What came of them."""
    outcomes, users = set(), sorted({one.user_id for one in book.recorded.stays})
    for _ in range(count):
        session = dice.choice(book.recorded.stays)
        session_id, correction_id = session.session_id, uuid4()
        user_id = dice.choice((*[session.user_id] * 15, dice.choice(users)))
        revision = book.revisions.get(session_id, 0) + dice.choice((*[0] * 9, -1, 1))
        times = some_times(dice, book, session_id)
        spans = book.meant(session_id, times)
        objections = book.objections(user_id, session_id, revision, spans)
        order: Any = {"user_id": user_id, "revision": revision, "correction_id": correction_id}
        before = await db.fetchval("select count(*) from past_sessions")
        row = await correct(db, session_id, times, **order, now=book.recorded.now)
        outcomes.add(row["outcome"])
        assert row["outcome"] in (objections or {"created"})
        if objections:
            assert await db.fetchval("select count(*) from past_sessions") == before
        else:
            book.write(session_id, spans)
            again = await correct(db, session_id, times, **order, now=book.recorded.now)
            other = await correct(db, session_id, [], **(order | {"revision": 99}))
            assert (again["outcome"], other["outcome"]) == ("repeated", "conflict")
    return outcomes


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


async def sums_are_right(db: asyncpg.Connection, world: World) -> None:
    """Totals and what is open: of anything each moment once, of a resource all of it."""
    for user in {one.user_id for one in world.stays}:
        clips = [
            (one.resource, (one.joined_at, one.ended_at or world.now))
            for one in world.stays
            if one.user_id == user
        ]
        asked = "select extract(epoch from watched($1, $2, $3)) * 1000000"
        for resource in (None, "x", "y", "z"):
            spans = [span for of, span in clips if resource in {None, of}]
            found = await db.fetchval(asked, user, resource, world.now)
            assert found == union(spans) // MICROSECOND, (user, resource)


async def reports_are_right(
    db: asyncpg.Connection, world: World, span: Span, zone: str, is_corrected: bool
) -> None:
    for is_visible in (False, True):
        seen = world.visible() if is_visible else world
        args: tuple[object, ...]
        for by in (["user"], ["resource"], []):
            limit = 100 if by else None
            args = (*span, by, None, None, "", "", limit, world.now, is_visible, is_corrected)
            rows = await told(db, "watch_time_by", *args)
            check_times(rows, stays.watched(seen, span, by, None, zone))
        args = (*span, "day", zone, [], None, None, ALWAYS, "", "", None)
        rows = await told(db, "watch_time_in", *args, world.now, is_visible, is_corrected)
        check_times(rows, stays.watched(seen, span, [], "day", zone))
    expected = stays.watched(world, span, ["user", "resource"], None, zone)
    args = (*span, ["user", "resource"], None, None, "", "", 100, world.now, False, is_corrected)
    check_watch_time(await told(db, "watch_time_by", *args), expected)
    for by in ([], ["resource"]):
        for period in ("day", None):
            args = (*span, period, zone, bool(by), None, ALWAYS, "", None, world.now, False)
            rows = await told(db, "watch_time_of_all", *args, is_corrected)
            expected = stays.watched(world, span, by, period, zone)
            check_watch_time(rows, expected, span[0] if period else None)
    asked = ("hour", zone, None, NOTHING, SECOND)
    rows = await told(db, "audience", *span, *asked, world.now, False, is_corrected)
    check_audience(rows, stays.audience(world, span, *asked))
    args = (*span, 24 * HOUR * 9, None, MICROSECOND, world.now, is_corrected)
    (row,) = await told(db, "concurrency", *args)
    clips = [clip for _, clip in world.clips(span, None)]
    assert row["peak_viewers"] == max(
        (sum(a <= begins < b for a, b in clips) for begins, _ in clips), default=0
    )


def check_times(rows: list[dict[str, Any]], expected: dict[Any, tuple[int, timedelta]]) -> None:
    """The lengths alone, largest first."""
    found = sorted(row["watched_ms"] for row in rows if row["watched_ms"])
    wanted = sorted(length / timedelta(milliseconds=1) for _, length in expected.values() if length)
    wanted = [one for one in wanted if one >= 0.5]
    assert len(found) == len(wanted)
    assert all(abs(one - other) <= 1 for one, other in zip(found, wanted, strict=True))


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
    rule = await db.fetchval(
        "insert into award_rules (reward, every, claim_within, created_at)"
        " values ('{}', '1 hour', '1 minute', $1) returning rule_id",
        at(-600),
    )
    await past(db, FAR + 1, 0, 600)
    await correct(db, FAR + 1, [])
    assert [row["watched"] for row in await db.fetch(PROGRESS, rule)] == [timedelta(minutes=10)]
    await past(db, FAR + 2, 300, 900, "two")
    assert [row["watched"] for row in await db.fetch(PROGRESS, rule)] == [timedelta(minutes=15)]
    assert await db.fetchval("select watched('ann', null, now())") == timedelta(minutes=10)
    tab = Tab("a", "ann", "two", expires_at=at(9999))
    await tab.connect(db, at(1000))
    times = [(at(0), at(600)), (at(601), at(950))]
    assert (await correct(db, FAR + 1, times, revision=1, now=at(1000)))["outcome"] == "created"
    due = "select * from due_awards((select r from award_rules r), 9, $1)"
    assert not await db.fetch(due, at(1000 + 45 * 60 - 1))
    assert len(await db.fetch(due, at(1000 + 45 * 60))) == 1


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
    assert [row for row in wrong if row["past"] or row["watched"]] == []


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
