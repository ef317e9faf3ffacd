"""A line that is lost: its session waits, goes on with it, and no minute between is watched."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import NODE, T0, Tab, at, facts, finalize, forget, probed, sessions, the_row
from tests.support.campaigns import begin, judge

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

ENDED_AT_ONCE = [("online", "site", T0), ("offline", "site", at(10))]


def later(name: str, seconds: float, resource: str = "site") -> Tab:
    """A tab whose ticket is good for a while from then on."""
    return Tab(name, resource=resource, expires_at=at(seconds + 30))


async def waits(db: asyncpg.Connection, seconds: float) -> None:
    """A session waits so long for a line that was lost."""
    await db.execute("update line_limits set wait_for_lost = $1", timedelta(seconds=seconds))


async def parts(db: asyncpg.Connection) -> list[tuple[Any, ...]]:
    """(joined_at, ended_at, ended_by, ended_within, away_since) in seconds after T0."""

    def seconds(moment: datetime | None) -> float | None:
        return None if moment is None else (moment - T0).total_seconds()

    found = [row for row in await sessions(db) if row["resource"] == "site"]
    assert len({row["id"] for row in found}) <= 1
    return [
        (
            *(seconds(row["joined_at"]), seconds(row["ended_at"]), row["ended_by"]),
            None if row["ended_within"] is None else row["ended_within"].total_seconds(),
            seconds(row["away_since"]),
        )
        for row in found
    ]


async def watched(db: asyncpg.Connection, seconds: float) -> float:
    length: timedelta = await db.fetchval("select watched('ann', 'site', $1)", at(seconds))
    return length.total_seconds()


@pytest.mark.parametrize("way", ["lost", "idle", "expired"])
@pytest.mark.parametrize(
    ("seconds", "outcome"), [(309.999, "continued"), (310, "opened"), (310.001, "opened")]
)
async def test_a_session_waits_for_a_line_that_was_lost(
    db: asyncpg.Connection, way: str, seconds: float, outcome: str
) -> None:
    await waits(db, 300)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), way)
    await finalize(db, at(seconds))
    assert len(await facts(db)) == (1 if outcome == "continued" else 2)
    assert await later("b", seconds).connect(db, at(seconds)) == outcome


@pytest.mark.parametrize("wait", [0, 29, 300])
async def test_a_session_that_was_closed_waits_for_the_grace(
    db: asyncpg.Connection, wait: float
) -> None:
    await waits(db, wait)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await finalize(db, at(39.999))
    assert len(await facts(db)) == 1
    await finalize(db, at(40))
    assert await facts(db) == ENDED_AT_ONCE


@pytest.mark.parametrize("wait", [0, 29, 30])
async def test_a_session_waits_for_a_lost_line_at_least_for_the_grace(
    db: asyncpg.Connection, wait: float
) -> None:
    await waits(db, wait)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), "lost")
    await finalize(db, at(39.999))
    assert len(await facts(db)) == 1
    await finalize(db, at(40))
    assert await facts(db) == ENDED_AT_ONCE


@pytest.mark.parametrize("way", ["swept", "node_evicted"])
async def test_it_waits_from_when_the_loss_was_found(db: asyncpg.Connection, way: str) -> None:
    """Not from the last evidence: the line may have been lost just now."""
    await waits(db, 300)
    await Tab("a").connect(db)
    call = "select forget(array['ann'], array[$1], array['a'], array[$2], p_now => $3)"
    await db.execute(call, NODE, way, at(1_000))
    await finalize(db, at(1_299))
    assert await later("b", 1_299).connect(db, at(1_299)) == "continued"
    assert await parts(db) == [(0, 0, way, 1_000, None), (1_299, None, None, None, 0)]


async def test_a_tab_that_is_closed_leaves_the_others_their_time(db: asyncpg.Connection) -> None:
    """The phone lost its line; then the laptop was closed. The phone is still on its way back."""
    await waits(db, 300)
    await Tab("phone").connect(db)
    await Tab("laptop").connect(db)
    await Tab("phone").disconnect(db, at(10), "lost")
    await Tab("laptop").disconnect(db, at(20))
    await finalize(db, at(309))
    assert await later("phone2", 309).connect(db, at(309)) == "continued"


async def test_a_user_whose_only_line_is_back_leaves_as_usual(db: asyncpg.Connection) -> None:
    await waits(db, 300)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), "lost")
    await later("b", 20).connect(db, at(20))
    await later("b", 20).disconnect(db, at(25))
    await finalize(db, at(54.999))
    assert len(await facts(db)) == 1
    await finalize(db, at(55))
    assert await facts(db) == [("online", "site", T0), ("offline", "site", at(25))]


async def test_a_kick_waits_for_no_line(db: asyncpg.Connection) -> None:
    await waits(db, 300)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), "lost")
    await db.execute("select end_connections('ann', null, '{}', '{}', $1)", at(20))
    await finalize(db, at(20))
    assert await facts(db) == ENDED_AT_ONCE
    assert await later("b", 30).connect(db, at(30)) == "opened"


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (30, [(0, None, None, None, None)]),
        (30.001, [(0, 10, "lost", 0, None), (40.001, None, None, None, 10)]),
    ],
)
async def test_an_outage_that_is_longer_than_the_grace_divides_the_session(
    db: asyncpg.Connection, gap: float, expected: list[tuple[Any, ...]]
) -> None:
    await waits(db, 300)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), "lost")
    assert await later("b", 40).connect(db, at(10 + gap)) == "continued"
    assert await parts(db) == expected


async def test_no_minute_of_an_outage_is_watched(db: asyncpg.Connection) -> None:
    await waits(db, 300)
    await Tab("a").connect(db)
    for n, begins in enumerate((0, 350, 700)):
        if n:
            assert await later(f"tab-{n}", begins).connect(db, at(begins)) == "continued"
        name = f"tab-{n}" if n else "a"
        await later(name, begins).disconnect(db, at(begins + 100), "lost")
    assert await watched(db, 900) == 300
    await finalize(db, at(2_000))
    assert await watched(db, 3_000) == 300
    assert await facts(db) == [("online", "site", T0), ("offline", "site", at(800))]
    assert [(part[0], part[1], part[4]) for part in await parts(db)] == [
        (0, 100, None),
        (350, 450, 100),
        (700, 800, 450),
    ]


async def test_a_client_sees_when_its_session_began(db: asyncpg.Connection) -> None:
    await waits(db, 300)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), "lost")
    await later("b", 100).connect(db, at(100))
    said = await db.fetchrow(
        "select joined_at, watched_ms from hello('ann', $1, 'b', null, null, null, p_now => $2)",
        *(NODE, at(101)),
    )
    assert tuple(said) == (T0.timestamp() * 1000, 11_000)
    (listed,) = await db.fetch(text("online"), None, None, "", "", 10)
    assert listed["joined_at"] == T0.timestamp() * 1000
    moved = await later("b", 100).watch(db, "two", at(102))
    assert moved["outcome"] == "opened"


async def test_an_outage_behind_a_dead_connection_is_found_with_it(db: asyncpg.Connection) -> None:
    """No $disconnect came: the user is back beside a connection that is still listed."""
    await Tab("a").connect(db)
    await probed(db, at(100))
    await later("b", 200).connect(db, at(200))
    assert await parts(db) == [(0, None, None, None, None)]
    await forget(db, [Tab("a")], at(300))
    assert await parts(db) == [(0, 100, "swept", 100, None), (200, None, None, None, 100)]
    assert await watched(db, 300) == 200


async def test_also_when_the_user_has_left_again_by_then(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await probed(db, at(100))
    await later("b", 200).connect(db, at(200))
    await later("b", 200).disconnect(db, at(250))
    await forget(db, [Tab("a")], at(300))
    assert await parts(db) == [(0, 100, "swept", 100, None), (200, 250, "swept", 50, 100)]
    assert await watched(db, 300) == 150


async def test_a_connection_that_was_there_all_the_while_leaves_no_outage(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db, at(5))
    await probed(db, at(100))
    await later("c", 200).connect(db, at(200))
    await forget(db, [Tab("a")], at(300))
    await Tab("b").disconnect(db, at(310))
    assert await parts(db) == [(0, None, None, None, None)]


async def test_tabs_that_follow_each_other_are_one_time(db: asyncpg.Connection) -> None:
    """A user goes from page to page beside a tab that is dead."""
    await Tab("a").connect(db)
    for n in range(10, 200, 10):
        await later(f"page-{n}", n).connect(db, at(n))
        await later(f"page-{n}", n).disconnect(db, at(n + 9))
    row = await the_row(db)
    assert len(row["evidence"]) == 1
    await forget(db, [Tab("a")], at(300))
    assert await parts(db) == [(0, 199, "swept", 101, None)]


async def test_a_tab_that_has_moved_here_was_not_here_before(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await later("b", 0, "other").connect(db)
    assert (await later("b", 0, "other").watch(db, "site", at(500)))["outcome"] == "joined"
    await forget(db, [Tab("a")], at(600))
    assert await parts(db) == [(0, 0, "swept", 500, None), (500, None, None, None, 0)]


async def test_reports_count_a_divided_session_once_and_no_outage(db: asyncpg.Connection) -> None:
    """Present from 0 to 10 and 20 to 70 minutes of an hour that begins at T0."""
    minute = 60
    await waits(db, 1_000)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10 * minute), "lost")
    await later("b", 20 * minute).connect(db, at(20 * minute))
    await later("b", 20 * minute).disconnect(db, at(70 * minute))
    hour, now = timedelta(hours=1), at(80 * minute)
    whole = (T0, T0 + 2 * hour)
    (row,) = await db.fetch(
        text("watch_time_by"), *whole, [], None, None, "", "", None, now, False, True
    )
    assert (row["sessions"], row["watched_ms"], row["uncertain_ms"]) == (1, 3_600_000, 0)
    rows = await db.fetch(
        text("watch_time_in"),
        *whole,
        "hour",
        "UTC",
        [],
        None,
        None,
        T0 - hour,
        "",
        "",
        None,
        now,
        False,
        True,
    )
    assert [(row["sessions"], row["watched_ms"]) for row in rows] == [(1, 3_000_000), (1, 600_000)]
    step = timedelta(minutes=15)
    rows = await db.fetch(
        text("concurrency"), T0, T0 + hour, step, None, timedelta(seconds=1), now, True
    )
    assert [row["viewers"] for row in rows] == [1, 0, 1, 1]
    rows = await db.fetch(text("sessions"), *whole, *[None] * 8, now, True)
    assert [(row["watched_ms"], row["away_since"] is None) for row in rows] == [
        (3_000_000, False),
        (600_000, True),
    ]
    assert rows[0]["session_id"] == rows[1]["session_id"]


@pytest.mark.parametrize(
    ("created", "due"),
    [
        (-100, 500),  # before the session: 100 s and 200 s, then 300 s
        (50, 550),
        (150, 600),  # in the outage
        (250, 650),  # after it
    ],
)
async def test_an_award_is_for_what_was_watched(
    db: asyncpg.Connection, created: float, due: float
) -> None:
    """A bonus each 300 s; here from 0 to 100 and from 200 to 300 s, and again from 400 s on."""
    await waits(db, 300)
    await begin(db, at(created), every=300)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(100), "lost")
    await later("b", 200).connect(db, at(200))
    await later("b", 200).disconnect(db, at(300), "lost")
    await later("c", 400).connect(db, at(400))
    assert await judge(db, at(due - 0.001)) == 0
    assert await judge(db, at(due)) == 1


async def test_a_wait_of_an_hour_is_not_hastened(db: asyncpg.Connection) -> None:
    await waits(db, 3_600)
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), "lost")
    await finalize(db, at(3_609))
    assert len(await facts(db)) == 1
    await finalize(db, at(3_610))
    assert await facts(db) == ENDED_AT_ONCE


@pytest.mark.parametrize("past", [0.000274, 0.000499, 0.0005, 0.000999])
async def test_an_outage_is_divided_whatever_part_of_a_millisecond_it_began_in(
    db: asyncpg.Connection, past: float
) -> None:
    """A connection keeps milliseconds of when it opened, a session microseconds."""
    await waits(db, 300)
    await Tab("a").connect(db, at(past))
    assert await later("b", 100).connect(db, at(100)) == "joined"
    await forget(db, [Tab("a")], at(200))
    first, second = await parts(db)
    assert first[0] == pytest.approx(past, abs=0.001)
    assert 0 <= first[1] - first[0] < 0.001
    assert (second[0], second[4]) == (100, first[1])
    assert await watched(db, 200) == pytest.approx(100, abs=0.001)


@pytest.mark.parametrize("past", [0.000274, 0.000499, 0.0005, 0.000999])
async def test_a_part_does_not_end_before_it_began_in_the_same_millisecond(
    db: asyncpg.Connection, past: float
) -> None:
    """A tab moves here and dies at once, beside one that is dead, too: the outage is before it."""
    moved = later("b", 0, "other")
    await Tab("a").connect(db)
    await moved.connect(db)
    await moved.watch(db, "site", at(500 + past))
    await forget(db, [moved], at(8_000))
    await forget(db, [Tab("a")], at(8_001))
    (_, left, *_), (back, ended, *_) = await parts(db)
    assert (left, back) == (0, pytest.approx(500 + past, abs=0.001))
    assert back <= ended
    await finalize(db, at(9_000))
    assert [fact for fact, *_ in await facts(db)].count("offline") == 2
