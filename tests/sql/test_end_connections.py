"""end_connections: a user is sent away, or one session of theirs is ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sql.tabs import T0, Tab, at, facts, finalize, open_connections, rows, sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg


async def end(
    db: asyncpg.Connection, tabs: Sequence[Tab], now: datetime, session_id: int | None = None
) -> int:
    closed: int = await db.fetchval(
        "select end_connections('ann', $1, $2, $3, $4)",
        *(session_id, [tab.node for tab in tabs], [tab.name for tab in tabs], now),
    )
    return closed


async def test_a_kicked_user_leaves_every_session(db: asyncpg.Connection) -> None:
    tabs = [Tab("a"), Tab("b"), Tab("c", resource="stream")]
    for tab in tabs:
        await tab.connect(db)
    assert await end(db, tabs, at(10)) == 2
    ends = [(s["ended_at"], s["ended_by"]) for s in await sessions(db)]
    assert ends == [(at(10), "kicked")] * 2


async def test_a_kick_is_told_at_once(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await end(db, [Tab("a")], at(10))
    await finalize(db, at(10))
    assert await facts(db) == [("online", "site", T0), ("offline", "site", at(10))]


async def test_a_kicked_user_does_not_continue(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await end(db, [Tab("a")], at(10))
    assert await Tab("b").connect(db, at(11)) == "opened"


async def test_a_session_within_its_grace_ends_for_good(db: asyncpg.Connection) -> None:
    """The $disconnect that the kick brought about has come before it."""
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    assert await end(db, [Tab("a")], at(11)) == 0
    assert await Tab("b").connect(db, at(12)) == "opened"
    (kicked, _) = await sessions(db)
    assert (kicked["ended_at"], kicked["ended_by"]) == (at(10), "kicked")


async def test_its_offline_is_due_at_once_and_told_once(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await end(db, [], at(11))
    await finalize(db, at(11))
    await finalize(db, at(100))
    assert await facts(db) == [("online", "site", T0), ("offline", "site", at(10))]


async def test_a_kick_said_twice_is_one_kick(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await end(db, [Tab("a")], at(10))
    before = await rows(db)
    assert await end(db, [Tab("a")], at(20)) == 0
    assert await rows(db) == before
    await finalize(db, at(100))
    assert len(await facts(db)) == 2


async def test_who_has_come_meanwhile_stays(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db, at(9))
    assert await end(db, [Tab("a")], at(10)) == 0
    assert [open_connections(row) for row in await rows(db)] == [{"b"}]


async def test_ending_one_session_leaves_the_others(db: asyncpg.Connection) -> None:
    for name, resource in (("a", "site"), ("b", "stream"), ("c", "page")):
        await Tab(name, resource=resource).connect(db)
    await Tab("c").disconnect(db, at(5))
    site, *_ = await rows(db)
    assert await end(db, [Tab("a")], at(10), site["id"]) == 1
    assert [row["ended_by"] for row in await rows(db)] == ["kicked", None, "client"]
    assert await Tab("d", resource="page").connect(db, at(11)) == "continued"
