"""What clients go by: it follows the number of connections, up at once and down slowly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.statements import sql_of, values_of
from handlers.core.limits import MARGIN, MAX_WINDOW, Limits
from handlers.core.operations.maintenance import SetLineLimits, set_line_limits
from tests.sql.tabs import Tab, at

if TYPE_CHECKING:
    import asyncpg

LIMITS = Limits(connections_per_second=1)
MINUTE = 60.0


async def count(db: asyncpg.Connection, seconds: float, limits: Limits = LIMITS) -> tuple[int, int]:
    """(connections, reconnect_within_ms), counted at that time."""
    call = sql_of(SetLineLimits).replace(")", f", p_now => '{at(seconds)}')")
    return tuple(await db.fetchrow(call, *values_of(set_line_limits(limits))))


async def come(db: asyncpg.Connection, *users: str, seconds: float = 0) -> None:
    for user in users:
        tab = Tab(user, user_id=user, expires_at=at(seconds + 30))
        assert await tab.connect(db, at(seconds)) == "opened"


async def row(db: asyncpg.Connection) -> dict[str, Any]:
    return dict(await db.fetchrow("select * from line_limits"))


async def test_each_connection_lengthens_the_window(db: asyncpg.Connection) -> None:
    await come(db, "ann", "bob")
    assert await Tab("second", user_id="ann").connect(db) == "joined"
    # As many again as have come may come until the next count.
    assert await count(db, MINUTE) == (3, 6_900)
    assert await count(db, 10 * MINUTE) == (3, 3_450)


@pytest.mark.parametrize("connections", [1, 10, 1_000])
async def test_the_database_and_the_plan_agree(db: asyncpg.Connection, connections: int) -> None:
    for limits in (LIMITS, replace(LIMITS, connections_per_second=500)):
        await db.execute("update line_limits set counted_at = '-infinity', connections = $1", 10**6)
        await db.execute("delete from watching_times")
        await db.execute(
            "insert into watching_times (user_id, resource, joined_at, seen_at, nodes)"
            " select 'user-' || n, 'site', now(), now(), '{\"n\": {\"c\": {}}}'"
            " from generate_series(1, $1) n",
            connections,
        )
        _, told = await count(db, MINUTE, limits)
        assert told == limits.window(connections) // timedelta(milliseconds=1)


async def test_the_window_has_bounds(db: asyncpg.Connection) -> None:
    assert await count(db, 0) == (0, 2_000)
    await db.execute("update line_limits set expected = 1000000000")
    assert await count(db, 0) == (0, MAX_WINDOW // timedelta(milliseconds=1))


async def test_a_storm_does_not_shorten_its_own_window(db: asyncpg.Connection) -> None:
    """All are cut off: those who may be on the way back count, and the rest falls slowly."""
    users = [f"user-{n}" for n in range(20)]
    await come(db, *users)
    await count(db, MINUTE)
    _, told = await count(db, 15 * MINUTE)
    for user in users:
        await Tab(user, user_id=user).disconnect(db, at(15 * MINUTE))
    assert await count(db, 15 * MINUTE + 1) == (20, told)
    await db.execute("delete from watching_times")
    left, later = await count(db, 16 * MINUTE)
    assert left == 0
    assert 0.9 * told <= later < told


async def test_a_session_waits_as_long_as_the_longest_window_of_two_hours(
    db: asyncpg.Connection,
) -> None:
    await come(db, *(f"user-{n}" for n in range(20)))
    _, told = await count(db, 0)
    await db.execute("delete from watching_times")
    longest = MARGIN * timedelta(milliseconds=told)
    for minutes in (1, 60, 119, 121, 239):
        await count(db, minutes * MINUTE)
        assert (await row(db))["wait_for_lost"] == longest
    await count(db, 241 * MINUTE)
    assert (await row(db))["wait_for_lost"] < longest


async def lost(db: asyncpg.Connection, *users: str, seconds: float) -> None:
    for user in users:
        await Tab(user, user_id=user).disconnect(db, at(seconds), "lost")


async def back(db: asyncpg.Connection, *users: str, seconds: float) -> None:
    for user in users:
        tab = Tab(f"{user} again", user_id=user, expires_at=at(seconds + 30))
        assert await tab.connect(db, at(seconds)) == "continued"


CROWD = [f"user-{n}" for n in range(100)]


async def waits_for_lost(db: asyncpg.Connection) -> float:
    return float((await row(db))["wait_for_lost"].total_seconds())


@pytest.mark.parametrize(("late", "is_waited_for"), [(19, False), (20, True)])
async def test_many_who_come_back_late_lengthen_the_wait(
    db: asyncpg.Connection, late: int, *, is_waited_for: bool
) -> None:
    await come(db, *CROWD)
    await count(db, MINUTE)
    waited = await waits_for_lost(db)  # 2 x 1.15 x 200
    assert waited == 460
    await lost(db, *CROWD, seconds=100)
    await back(db, *CROWD[:late], seconds=400)
    await count(db, 401)
    assert await waits_for_lost(db) == (2 * 360 if is_waited_for else waited)
    # Also for a session that was closed while the server waited less.
    await db.execute("select * from finalize(1000, $1)", at(100 + waited + 1))
    still = await db.fetchval("select count(*) from watching_times where ended_at is not null")
    assert still == (len(CROWD) - late if is_waited_for else 0)
    outcome = await Tab("last", CROWD[-1], expires_at=at(819)).connect(db, at(819))
    assert outcome == ("continued" if is_waited_for else "opened")
    await db.execute("select * from finalize(1000, $1)", at(821))
    offline = "select count(*) from presence_events where type = 'offline'"
    assert await db.fetchval(offline) == len(CROWD) - late - is_waited_for


async def test_phones_that_slept_do_not_lengthen_the_wait_again_and_again(
    db: asyncpg.Connection,
) -> None:
    """One is away for longer than the one before, and each comes back while it is waited for."""
    await come(db, *CROWD)
    await count(db, MINUTE)
    await lost(db, *CROWD, seconds=100)
    window = (await row(db))["reconnect_within"].total_seconds()
    for user in CROWD:
        share = CROWD.index(user) / len(CROWD)
        away = window * (1 + share)
        await db.execute(
            "update watching_times set joined_at = $2, away_since = $3, ended_at = null,"
            " ended_by = null where user_id = $1",
            user,
            at(1_000),
            at(1_000 - away),
        )
    for seconds in (1_000, 1_060):
        await count(db, seconds)
        assert await waits_for_lost(db) <= MARGIN * (1.1 * window + 60)


async def test_the_wait_for_those_who_are_late_has_a_bound(db: asyncpg.Connection) -> None:
    await come(db, *CROWD)
    await db.execute("update watching_times set joined_at = $1, away_since = $2", at(0), at(-9_999))
    await count(db, 0)
    assert await waits_for_lost(db) == MARGIN * MAX_WINDOW.total_seconds()


async def test_a_clock_that_goes_back_keeps_what_is_expected(db: asyncpg.Connection) -> None:
    await come(db, *(f"user-{n}" for n in range(20)))
    first = await count(db, 600 * MINUTE)
    assert await count(db, 0) == first


async def test_counting_twice_is_counting_once(db: asyncpg.Connection) -> None:
    await come(db, *(f"user-{n}" for n in range(20)))
    first = await count(db, MINUTE)
    assert await count(db, MINUTE) == first


async def test_a_welcome_says_what_was_set(db: asyncpg.Connection) -> None:
    await come(db, *(f"user-{n}" for n in range(20)))
    said = (
        "select reconnect_within_ms, ping_every_ms, rotate_within_ms"
        "  from hello('user-1', $1, $2, null, null, null, p_now => $3)"
    )
    who = ("gateway.example/live", "user-1", at(1))
    assert tuple(await db.fetchrow(said, *who)) == (2_000, 240_000, 6_900_000)
    limits = Limits(1, ping_every=timedelta(minutes=9), rotate_within=timedelta(minutes=60))
    _, told = await count(db, MINUTE, limits)
    assert tuple(await db.fetchrow(said, *who)) == (told, 540_000, 3_600_000)
