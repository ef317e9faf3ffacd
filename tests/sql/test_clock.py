"""The database's clock goes back an hour, or was an hour ahead: what was stored holds nothing up.

In each test LATER is stored first, and then it is NOW.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import GRACE, NODE, T0, Tab, finalize
from tests.support.bonuses import drop

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

SECOND, MINUTE, HOUR = (timedelta(**{n: 1}) for n in ("seconds", "minutes", "hours"))
NOW, LATER = T0, T0 + HOUR


async def come(db: asyncpg.Connection, user: str = "ann", now: datetime = LATER) -> Tab:
    tab = Tab(f"tab-{user}", user_id=user, expires_at=LATER)
    assert await tab.connect(db, now) == "opened"
    return tab


async def page(
    db: asyncpg.Connection,
    bonus_id: UUID,
    now: datetime,
    worker: UUID | None = None,
    reported: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """A worker's next page, of all; one push a second."""
    call = "select * from broadcast_page($1, 1, $2, 10, 1, $3, $4, p_now => $5)"
    return dict(
        await db.fetchrow(call, bonus_id, worker or uuid4(), *(reported or (None, None)), now)
    )


# ---- pushes


@pytest.mark.parametrize("back", [11 * SECOND, HOUR])
async def test_pushes_do_not_wait_for_the_clock(db: asyncpg.Connection, back: timedelta) -> None:
    now = LATER - back
    await come(db, now=now)
    first, second = [await drop(db, now=now, window=2 * HOUR) for _ in range(2)]
    assert (await page(db, first, LATER))["outcome"] == "page"
    got = await page(db, second, now)
    assert (got["outcome"], got["wait_ms"]) == ("page", 0)


async def test_pushes_wait_for_those_that_are_reserved(db: asyncpg.Connection) -> None:
    for user in ("ann", "bob", "cat"):
        await come(db, user, NOW)
    first, second = [await drop(db, now=NOW, window=2 * HOUR) for _ in range(2)]
    assert (await page(db, first, NOW))["outcome"] == "page"
    got = await page(db, second, NOW)
    assert (got["outcome"], got["wait_ms"]) == ("wait", 2_000)


async def test_the_lease_of_a_dead_worker_is_over(db: asyncpg.Connection) -> None:
    await come(db, now=NOW)
    bonus_id = await drop(db, now=NOW, window=2 * HOUR)
    assert (await page(db, bonus_id, LATER))["outcome"] == "page"
    got = await page(db, bonus_id, NOW)
    assert [user for user, *_ in _recipients(got)] == ["ann"]


def _recipients(got: dict[str, Any]) -> list[Any]:
    assert got["outcome"] == "page", got
    return list(json.loads(got["recipients"]))


async def test_the_next_round_is_due_within_five_seconds(db: asyncpg.Connection) -> None:
    await come(db, now=NOW)
    bonus_id = await drop(db, now=NOW, window=2 * HOUR, acknowledge=True)
    worker = uuid4()
    got = await page(db, bonus_id, LATER, worker)
    call = "select outcome from broadcast_page($1, 1, $2, 0, 1, $3, $4, p_sent => 1, p_now => $5)"
    reported = (bonus_id, worker, got["shard"], got["page"], LATER)
    assert await db.fetchval(call, *reported) == "released"
    got = await page(db, bonus_id, NOW)
    assert (got["outcome"], got["repeat_in_ms"]) == ("done", 5_000)


@pytest.mark.parametrize("lost", ["at", "queued_at", "held_until"])
async def test_a_broadcast_that_no_worker_works_on_is_queued_again(
    db: asyncpg.Connection, lost: str
) -> None:
    bonus_id = await drop(db, window=3 * HOUR)
    if lost != "at":
        await db.execute("update broadcasts set queued_at = clock_timestamp() - interval '1 hour'")
    if lost == "held_until":
        await db.execute(
            "insert into broadcast_shards (broadcast_id, round, shard, after_user_id,"
            " after_resource, held_until) values ($1, 1, 1, '', '', clock_timestamp())",
            bonus_id,
        )
    assert [row["broadcast_id"] for row in await db.fetch(text("list_orphaned_broadcasts"))] == (
        [bonus_id] if lost == "queued_at" else []
    )
    table = "broadcast_shards" if lost == "held_until" else "broadcasts"
    await db.execute(f"update {table} set {lost} = clock_timestamp() + interval '1 hour'")  # noqa: S608  # ours
    found = await db.fetch(text("list_orphaned_broadcasts"))
    assert [row["broadcast_id"] for row in found] == [bonus_id]


# ---- the sweep


async def listed(db: asyncpg.Connection, now: datetime) -> int:
    call = "select jsonb_array_length(connections) from sweep(100, $1)"
    count: int = await db.fetchval(call, now)
    return count


async def finish(db: asyncpg.Connection, now: datetime) -> None:
    call = "select finish_sweep_page(cycle_started_at, pages_listed, $1) from sweep_cursor"
    await db.execute(call, now)


async def forget(db: asyncpg.Connection, tab: Tab, now: datetime) -> int:
    one = ([tab.user_id], [tab.node], [tab.name], ["swept"])
    call = "select forget($1, $2, $3, $4, $5, $6)"
    closed: int = await db.fetchval(call, *one, GRACE, now)
    return closed


async def test_a_connection_that_opened_later_is_asked_for_and_forgotten(
    db: asyncpg.Connection,
) -> None:
    tab = await come(db)
    assert await listed(db, NOW) == 1
    assert await forget(db, tab, NOW) == 1
    assert await db.fetchval("select ended_at - joined_at from sessions") == timedelta(0)


async def test_a_cycle_that_began_later_is_no_evidence(db: asyncpg.Connection) -> None:
    """Two cycles ended; then the clock went back, ann came and went, and no cycle has found her."""
    for moment in (LATER - MINUTE, LATER):
        await listed(db, moment)
        await finish(db, moment)
    tab = await come(db, now=NOW)
    assert await forget(db, tab, NOW + 10 * MINUTE) == 1
    lasted = "select ended_at - joined_at from sessions"
    assert await db.fetchval(lasted) == timedelta(0)


async def test_the_first_cycle_that_is_whole_again_is_evidence(db: asyncpg.Connection) -> None:
    await listed(db, LATER)
    tab = await come(db, now=NOW)
    await finish(db, NOW)
    for minutes in (2, 3):
        await listed(db, NOW + minutes * MINUTE)
        await finish(db, NOW + minutes * MINUTE)
    assert await forget(db, tab, NOW + 10 * MINUTE) == 1
    assert await db.fetchval("select ended_at from sessions") == NOW + 3 * MINUTE


async def test_a_node_that_was_out_of_reach_later_is_evicted_after_the_grace(
    db: asyncpg.Connection,
) -> None:
    await come(db)  # later, too: that it opened then says nothing of the node now
    call = "select record_nodes('{}', $1, $2, $3)"
    for now, evicted in ((LATER, []), (NOW, []), (NOW + GRACE, [NODE])):
        assert [row[0] for row in await db.fetch(call, [NODE], GRACE, now)] == evicted


# ---- sessions and their events


async def test_who_left_later_is_offline_at_once(db: asyncpg.Connection) -> None:
    tab = await come(db)
    assert await tab.disconnect(db, LATER)
    await finalize(db, NOW)
    events = await db.fetch("select type from presence_events order by seq")
    assert [row["type"] for row in events] == ["online", "offline"]
    assert await db.fetchval("select count(*) from past_sessions") == 1


async def test_who_leaves_now_is_offline_after_the_grace(db: asyncpg.Connection) -> None:
    tab = await come(db)
    assert await tab.disconnect(db, NOW)
    await finalize(db, NOW + GRACE - SECOND)
    assert await db.fetchval("select count(*) from past_sessions") == 0
    await finalize(db, NOW + GRACE)
    assert await db.fetchval("select count(*) from past_sessions") == 1


@pytest.mark.parametrize("way", ["disconnect", "forget"])
async def test_a_session_does_not_last_beyond_now(db: asyncpg.Connection, way: str) -> None:
    """A second tab came while the clock was ahead: the session was seen then, it seems."""
    first = await come(db, now=NOW)
    second = Tab("second", expires_at=LATER)
    assert await second.connect(db, LATER) == "joined"
    await first.disconnect(db, NOW + MINUTE)
    now = NOW + 2 * MINUTE
    assert await (second.disconnect(db, now) if way == "disconnect" else forget(db, second, now))
    assert await db.fetchval("select max(ended_at) from sessions") <= now


# ---- what is old


async def steady(db: asyncpg.Connection, now: datetime) -> bool:
    is_steady: bool = await db.fetchval("select is_clock_steady($1)", now)
    return is_steady


async def test_the_first_look_finds_the_clock_steady(db: asyncpg.Connection) -> None:
    assert await steady(db, NOW)
    assert await steady(db, NOW + HOUR)
    assert await steady(db, NOW)


@pytest.mark.parametrize("jump", [HOUR + SECOND, -HOUR - SECOND, 365_000 * 24 * HOUR])
async def test_after_a_jump_the_clock_is_steady_when_it_has_run_on_for_six_hours(
    db: asyncpg.Connection, jump: timedelta
) -> None:
    await steady(db, NOW)
    jumped = NOW + jump
    looks = [await steady(db, jumped + n * HOUR) for n in range(7)]
    assert looks == [False] * 6 + [True]


async def test_a_clock_that_is_put_right_counts_from_then(db: asyncpg.Connection) -> None:
    await steady(db, NOW)
    assert not await steady(db, NOW + 10 * HOUR)
    looks = [await steady(db, NOW + n * HOUR) for n in range(7)]
    assert looks == [False] * 6 + [True]
