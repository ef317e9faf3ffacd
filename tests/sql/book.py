"""What is recorded of sessions, and what corrections say of them instead: the sums of both."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from tests.support import stays
from tests.support.stays import NOTHING, Stay, World, union
from tests.support.truth import ALWAYS, T0, check_audience, check_watch_time, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    import asyncpg

    from tests.support.stays import Span

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)


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
    # As a statement sends arrays: handlers/adapters/statements.py.
    begins, ends = ([str(one[n]) for one in times] for n in (0, 1))
    order = (user_id, session_id, revision, begins, ends)
    return await db.fetchrow(
        "select * from create_correction($1, $2, $3, $4, $5::text[]::timestamptz[],"
        " $6::text[]::timestamptz[], 'was wrong', 'ops', $7, $8)",
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

    def goes_on(self, recorded: World) -> None:
        """Time has passed: more is recorded now, of sessions that no correction is about."""
        self.recorded = recorded
        for one in recorded.stays:
            if one.session_id not in self.said and one.ended_at:
                known = self.moments.setdefault(one.session_id, set())
                known |= {one.joined_at, one.ended_at}

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


async def correct_some(
    db: asyncpg.Connection,
    dice: Random,
    book: Book,
    count: int,
    sessions: Sequence[Stay] | None = None,
) -> set[str]:
    """Right and wrong ones, corrections of corrections, repeats, late ones. What came of them."""
    outcomes, users = set(), sorted({one.user_id for one in book.recorded.stays})
    for _ in range(count):
        session = dice.choice(sessions or book.recorded.stays)
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


async def sums_are_right(db: asyncpg.Connection, world: World) -> None:
    """Totals and what is open, by both clocks: of anything each moment once, of a resource all."""
    asked = "select extract(epoch from watched($1, $2, $3, $4)) * 1000000"
    for user, resource, is_visible in product(
        {one.user_id for one in world.stays}, (None, "x", "y", "z"), (False, True)
    ):
        spans = [
            (one.joined_at, one.ended_at or world.now)
            for one in (world.visible() if is_visible else world).stays
            if one.user_id == user and resource in {None, one.resource}
        ]
        found = await db.fetchval(asked, user, resource, is_visible, world.now)
        assert found == union(spans) // MICROSECOND, (user, resource, is_visible)


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
        for by, period in product(([], ["resource"]), ("day", None)):
            args = (*span, period, zone, bool(by), None, ALWAYS, "", None, world.now, is_visible)
            rows = await told(db, "watch_time_of_all", *args, is_corrected)
            check_times(rows, stays.watched(seen, span, by, period, zone))
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
    rows = await told(db, "audience", *span, *asked, world.now, False, is_corrected, 1_024)
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
