"""Reports: what crosses an interval is clipped to it, up to the microsecond, and summed once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import Tab
from tests.support.reports import MIDNIGHT, at, past

if TYPE_CHECKING:
    import asyncpg

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOMENT = timedelta(microseconds=1)
NOW = MIDNIGHT + timedelta(days=9)
ALWAYS = datetime.min  # noqa: DTZ901  # -infinity
NEVER = datetime.max  # noqa: DTZ901  # infinity


def minutes(count: float) -> int:
    return round(count * 60_000)


async def report(db: asyncpg.Connection, name: str, *args: object) -> list[dict[str, Any]]:
    """As the HTTP API asks for it."""
    async with db.transaction(readonly=True):
        await db.fetch("select limit_report(60000)")
        return [dict(row) for row in await db.fetch(text(name), *args)]


async def watched(
    db: asyncpg.Connection, begins: datetime, ends: datetime, by: str = "", limit: int | None = None
) -> list[tuple[Any, ...]]:
    keys = [by] if by else []
    rows = await report(
        db, "watch_time_by", begins, ends, keys, None, None, "", "", limit, NOW, False, True
    )
    return [(row["user_id"] or row["resource"], row["sessions"], row["watched_ms"]) for row in rows]


async def by_piece(
    db: asyncpg.Connection, begins: datetime, ends: datetime, period: str, timezone: str = "UTC"
) -> list[tuple[float, int, int, int]]:
    """(minutes after midnight, sessions, watched_ms, uncertain_ms)"""
    rows = await report(
        db,
        "watch_time_in",
        *(begins, ends, period, timezone, [], None, None, ALWAYS, "", "", None, NOW, False, True),
    )
    midnight = int(MIDNIGHT.timestamp() * 1000)
    return [
        (
            (row["starts_at"] - midnight) / 60_000,
            row["sessions"],
            row["watched_ms"],
            row["uncertain_ms"],
        )
        for row in rows
    ]


async def listed(
    db: asyncpg.Connection, begins: datetime, ends: datetime, **filters: Any
) -> list[dict[str, Any]]:
    names = ("user_id", "resource", "ended_by", "least", "most")
    wanted = [filters.get(name) for name in names]
    position = filters.get("position", (None, None))
    return await report(
        db, "sessions", begins, ends, *wanted, *position, filters.get("limit"), NOW, True
    )


@pytest.mark.parametrize(
    ("joins", "ends", "watched_minutes"),
    [
        (-20, -10, None),
        (-20, 0, None),
        (-20, 10, 10),
        (0, 10, 10),
        (10, 20, 10),
        (50, 60, 10),
        (50, 70, 10),
        (60, 70, None),
        (-20, 70, 60),
        (0, 0, 0),
        (60, 60, None),
        (-300, 0, None),
        (-300, 10, 10),
        (-300, 400, 60),
        (60, 400, None),
        (59, 2_000, 1),
    ],
)
async def test_a_session_is_clipped_to_the_interval(
    db: asyncpg.Connection, joins: float, ends: float, watched_minutes: float | None
) -> None:
    """Short ones and those of more than four hours, which are looked up another way."""
    await past(db, at(joins), at(ends))
    expected = [] if watched_minutes is None else [minutes(watched_minutes)]
    assert [row["watched_ms"] for row in await listed(db, at(0), at(60))] == expected
    by_user = await watched(db, at(0), at(60), "user", 10)
    assert by_user == [("ann", 1, one) for one in expected]
    assert await by_piece(db, at(0), at(60), "hour") == [(0, 1, one, 0) for one in expected]


@pytest.mark.parametrize("length", [4 * HOUR - MOMENT, 4 * HOUR, 4 * HOUR + MOMENT])
@pytest.mark.parametrize("ends_after", [HOUR - MOMENT, HOUR, HOUR + MOMENT])
async def test_no_length_hides_a_session(
    db: asyncpg.Connection, length: timedelta, ends_after: timedelta
) -> None:
    ends_at = MIDNIGHT + 4 * HOUR + ends_after
    await past(db, ends_at - length, ends_at)
    crosses = ends_at - length < at(60)
    assert len(await listed(db, at(0), at(60))) == crosses
    assert len(await watched(db, at(0), at(60), "user", 10)) == crosses


async def test_neighbouring_intervals_count_each_moment_once(db: asyncpg.Connection) -> None:
    for joins, ends in ((-10, 70), (0, 60), (30, 30), (0, 0), (-400, 3_000)):
        await past(db, at(joins), at(ends))
    whole = (await watched(db, at(-60), at(120)))[0][2]
    parts = [(await watched(db, at(begins), at(begins + 60)))[0][2] for begins in (-60, 0, 60)]
    assert whole == sum(parts)
    assert whole == sum(piece[2] for piece in await by_piece(db, at(-60), at(120), "hour"))


async def test_a_session_over_midnight_gives_each_day_its_part(db: asyncpg.Connection) -> None:
    await past(db, at(-90), at(3 * 1440 + 15))
    assert await by_piece(db, at(-2880), at(7200), "day") == [
        (-1440, 1, minutes(90), 0),
        (0, 1, minutes(1440), 0),
        (1440, 1, minutes(1440), 0),
        (2880, 1, minutes(1440), 0),
        (4320, 1, minutes(15), 0),
    ]


async def test_a_session_that_ends_at_midnight_is_not_in_the_next_day(
    db: asyncpg.Connection,
) -> None:
    await past(db, at(-90), at(0))
    assert await by_piece(db, at(-1440), at(1440), "day") == [(-1440, 1, minutes(90), 0)]


async def test_days_are_those_of_utc_wherever_the_database_is(db: asyncpg.Connection) -> None:
    await past(db, at(-90), at(15))
    await db.execute("set timezone = 'America/New_York'")
    days = await by_piece(db, at(-1440), at(1440), "day")
    assert days == [(-1440, 1, minutes(90), 0), (0, 1, minutes(15), 0)]


async def test_an_uncertain_end_counts_where_it_may_lie(db: asyncpg.Connection) -> None:
    """Ended at 23:50 within 30 minutes: ten of them are of the day before, twenty of this one."""
    await past(db, at(-60), at(-10), ended_within=timedelta(minutes=30), ended_by="swept")
    assert await by_piece(db, at(-1440), at(1440), "day") == [
        (-1440, 1, minutes(50), minutes(10)),
        (0, 0, 0, minutes(20)),
    ]
    (row,) = await report(
        db, "watch_time_by", at(0), at(10), ["user"], None, None, "", "", 10, NOW, False, True
    )
    assert (row["sessions"], row["watched_ms"], row["uncertain_ms"]) == (0, 0, minutes(10))


async def test_an_open_session_counts_up_to_now(db: asyncpg.Connection) -> None:
    await Tab("a", expires_at=NOW).connect(db, NOW - timedelta(minutes=10))
    assert await watched(db, NOW - HOUR, NOW + DAY) == [(None, 1, minutes(10))]
    assert await watched(db, NOW - HOUR, NOW - timedelta(minutes=4)) == [(None, 1, minutes(6))]
    (row,) = await listed(db, ALWAYS, NEVER, user_id="ann")
    assert (row["ended_at"], row["watched_ms"]) == (None, minutes(10))


async def test_a_session_within_its_grace_counts_up_to_its_end(db: asyncpg.Connection) -> None:
    tab = Tab("a", expires_at=NOW)
    await tab.connect(db, NOW - timedelta(minutes=10))
    await tab.disconnect(db, NOW - timedelta(minutes=7))
    assert await watched(db, NOW - HOUR, NOW) == [(None, 1, minutes(3))]
    (row,) = await listed(db, NOW - HOUR, NOW)
    assert (row["ended_by"], row["watched_ms"]) == ("client", minutes(3))


async def test_users_come_page_by_page_with_everybody_once(db: asyncpg.Connection) -> None:
    for n in range(7):
        await past(db, at(0), at(n + 1), f"user-{n}")
        await past(db, at(-1000), at(-900), f"gone-{n}")
        await past(db, at(-1000), at(n), f"long-{n}")
    seen: list[str] = []
    while True:
        after = seen[-1] if seen else ""
        rows = await report(
            db, "watch_time_by", at(0), at(60), ["user"], None, None, after, "", 3, NOW, False, True
        )
        seen += [row["user_id"] for row in rows]
        if len(rows) < 3:
            break
    assert seen == [*(f"long-{n}" for n in range(1, 7)), *(f"user-{n}" for n in range(7))]


async def test_users_on_several_resources_come_page_by_page(db: asyncpg.Connection) -> None:
    for user in "ab":
        for resource in "xyz":
            await past(db, at(0), at(1), user, resource)
    seen: list[tuple[str, str]] = []
    for _ in range(3):
        after = seen[-1] if seen else ("", "")
        rows = await report(
            db,
            "watch_time_by",
            at(0),
            at(60),
            ["user", "resource"],
            None,
            None,
            *after,
            2,
            NOW,
            False,
            True,
        )
        seen += [(row["user_id"], row["resource"]) for row in rows]
    assert seen == [(user, resource) for user in "ab" for resource in "xyz"]


async def test_sessions_are_listed_the_last_to_end_first(db: asyncpg.Connection) -> None:
    await Tab("a", user_id="zoe", expires_at=NOW).connect(db, at(5))
    for ends in (10, 30, 20, 20, 500):
        await past(db, at(0), at(ends))
    seen: list[Any] = []
    position: tuple[Any, Any] = (None, None)
    while rows := await listed(db, at(0), at(60), position=position, limit=2):
        seen += [
            row["ended_at"] and (row["ended_at"] / 1000 - MIDNIGHT.timestamp()) / 60 for row in rows
        ]
        ended_at = rows[-1]["ended_at"]
        position = (
            NEVER if ended_at is None else datetime.fromtimestamp(ended_at / 1000, UTC),
            rows[-1]["session_id"],
        )
    assert seen == [None, 500, 30, 20, 20, 10]


@pytest.mark.parametrize(
    ("filters", "lengths"),
    [
        ({"least": timedelta(minutes=10)}, [400, 20, 10]),
        ({"least": timedelta(minutes=10) + MOMENT}, [400, 20]),
        ({"most": timedelta(minutes=10)}, [10, 5]),
        ({"ended_by": "swept"}, [20]),
        ({"resource": "stream"}, [400]),
        ({"user_id": "bob"}, [5]),
    ],
)
async def test_sessions_are_filtered(
    db: asyncpg.Connection, filters: dict[str, Any], lengths: list[int]
) -> None:
    await past(db, at(0), at(5), "bob")
    await past(db, at(0), at(10))
    await past(db, at(0), at(20), ended_by="swept")
    await past(db, at(0), at(400), resource="stream")
    rows = await listed(db, at(-60), at(600), **filters)
    assert [row["watched_ms"] for row in rows] == [minutes(length) for length in lengths]


async def concurrency(
    db: asyncpg.Connection, until: float, resolution: timedelta = MOMENT
) -> list[tuple[int, int, float]]:
    """(viewers, peak_viewers, peak_at in minutes) for each ten minutes from midnight."""
    step = timedelta(minutes=10)
    rows = await report(db, "concurrency", at(0), at(until), step, None, resolution, NOW, True)
    midnight = MIDNIGHT.timestamp()
    return [
        (row["viewers"], row["peak_viewers"], (row["peak_at"] / 1000 - midnight) / 60)
        for row in rows
    ]


async def test_the_peak_is_found_with_its_moment(db: asyncpg.Connection) -> None:
    for joins, ends in ((-5, 12), (3, 25), (12, 14), (13, 15), (400, 500), (-300, 11)):
        await past(db, at(joins), at(ends))
    assert await concurrency(db, 35) == [(2, 3, 3), (3, 3, 10), (1, 1, 20), (0, 0, 30)]
    await past(db, at(13), at(13.5))
    assert (await concurrency(db, 35))[1] == (3, 4, 13)


async def test_who_goes_as_another_comes_is_one_viewer(db: asyncpg.Connection) -> None:
    await past(db, at(0), at(5))
    await past(db, at(5), at(9), "bob")
    assert await concurrency(db, 10) == [(1, 1, 0)]


async def test_the_future_has_no_viewers(db: asyncpg.Connection) -> None:
    await Tab("a", expires_at=NOW).connect(db, NOW - timedelta(minutes=5))
    step = timedelta(minutes=10)
    args = (NOW - step, NOW + DAY, step, None, MOMENT, NOW, True)
    (row,) = await report(db, "concurrency", *args)
    assert (row["viewers"], row["peak_viewers"]) == (0, 1)


async def test_a_coarse_look_sees_who_is_there_at_its_moments(db: asyncpg.Connection) -> None:
    """At 0, 5, 10 …: who comes at 6 and goes at 9 is not seen, who is there at 5 is."""
    await past(db, at(6), at(9))
    await past(db, at(4), at(6))
    five = timedelta(minutes=5)
    assert await concurrency(db, 20, five) == [(0, 1, 5), (0, 0, 10)]


async def test_who_is_online_is_counted_by_resource_and_node(db: asyncpg.Connection) -> None:
    far = NOW + DAY
    await Tab("a", expires_at=far).connect(db, NOW)
    await Tab("b", expires_at=far, node="other/live").connect(db, NOW)
    await Tab("c", expires_at=far, node="other/live", resource="stream").connect(db, NOW)
    await Tab("d", "bob", expires_at=far, resource="stream").connect(db, NOW)
    await Tab("d", "bob", expires_at=far, resource="stream").disconnect(db, NOW)
    row = await db.fetchrow(text("online_counts"), 10)
    assert (row["users"], row["connections"]) == (1, 3)
    assert json.loads(row["resources"]) == [
        {"resource": "site", "users": 1, "connections": 2},
        {"resource": "stream", "users": 1, "connections": 1},
    ]
    assert json.loads(row["nodes"]) == [
        {"node": "other/live", "connections": 2},
        {"node": "gateway.example/live", "connections": 1},
    ]


async def test_sessions_that_end_in_one_millisecond_are_listed_once_each(
    db: asyncpg.Connection,
) -> None:
    """Pages go by microseconds, though an answer shows milliseconds."""
    end = at(10)
    for microseconds in (900, 500, 100):
        await past(db, at(0), end + timedelta(microseconds=microseconds))
    read: list[int] = []
    position: tuple[Any, Any] = (None, None)
    while rows := await listed(db, at(0), at(20), limit=2, position=position):
        read += [row["session_id"] for row in rows]
        last = rows[-1]
        position = (end + timedelta(microseconds=last["position"] % 1_000), last["session_id"])
    assert read == [1, 2, 3]
