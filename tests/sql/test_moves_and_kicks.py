"""watch and end_connections: to the second, and what becomes a fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sql.tabs import GRACE, NODE, T0, Tab, at, open_connections, rows

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg


async def watch(db: asyncpg.Connection, tab: str, resource: str, now: datetime) -> str:
    outcome: str = await db.fetchval(
        "select outcome from watch('ann', $1, $2, $3, $4, p_now => $5)",
        NODE,
        tab,
        resource,
        GRACE,
        now,
    )
    return outcome


async def end(
    db: asyncpg.Connection, tabs: list[str], now: datetime, session_id: int | None = None
) -> int:
    closed: int = await db.fetchval(
        "select end_connections('ann', $1, $2, $3, $4)", session_id, [NODE] * len(tabs), tabs, now
    )
    return closed


async def facts(db: asyncpg.Connection, now: datetime) -> list[tuple[str, str, datetime]]:
    """Whatever is due by then has happened."""
    await db.execute("select finalize(1000, $1)", now)
    found = await db.fetch("select type::text, resource, at from presence_events order by seq")
    return [(row["type"], row["resource"], row["at"]) for row in found]


async def sessions(db: asyncpg.Connection) -> list[tuple[object, ...]]:
    found = await db.fetch(
        "select resource, joined_at, ended_at, ended_by::text from sessions order by joined_at, id"
    )
    return [tuple(row) for row in found]


async def test_a_move_ends_the_one_session_when_the_other_begins(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    assert await watch(db, "a", "two", at(10)) == "opened"
    assert await sessions(db) == [
        ("site", T0, at(10), "moved"),
        ("two", at(10), None, None),
    ]
    assert await facts(db, at(10)) == [
        ("online", "site", T0),
        ("offline", "site", at(10)),
        ("online", "two", at(10)),
    ]


async def test_a_move_beside_another_tab_ends_nothing(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    await watch(db, "a", "two", at(10))
    assert [(row["resource"], open_connections(row)) for row in await rows(db)] == [
        ("site", {"b"}),
        ("two", {"a"}),
    ]
    assert await watch(db, "b", "two", at(20)) == "joined"


async def test_a_move_there_and_back_is_three_sessions(db: asyncpg.Connection) -> None:
    """Who left for something else does not come back to the session that ended then."""
    await Tab("a").connect(db)
    await watch(db, "a", "two", at(10))
    await watch(db, "a", "site", at(20))
    assert await sessions(db) == [
        ("site", T0, at(10), "moved"),
        ("two", at(10), at(20), "moved"),
        ("site", at(20), None, None),
    ]
    happened = await facts(db, at(60))
    # In turn for each resource; one beside another in whatever order.
    assert [(fact, moment) for fact, resource, moment in happened if resource == "site"] == [
        ("online", T0),
        ("offline", at(10)),
        ("online", at(20)),
    ]
    assert [(fact, moment) for fact, resource, moment in happened if resource == "two"] == [
        ("online", at(10)),
        ("offline", at(20)),
    ]


async def test_a_move_again_changes_nothing(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await watch(db, "a", "two", at(10))
    before = await sessions(db)
    assert await watch(db, "a", "two", at(20)) == "watching"
    assert await sessions(db) == before


@pytest.mark.parametrize(("seconds", "outcome"), [(29, "continued"), (30, "opened")])
async def test_a_move_to_what_was_left_within_the_grace_continues_it(
    db: asyncpg.Connection, seconds: int, outcome: str
) -> None:
    await Tab("a").connect(db)
    await Tab("b", resource="two").connect(db)
    await Tab("b", resource="two").disconnect(db, at(10))
    assert await watch(db, "a", "two", at(10 + seconds)) == outcome


async def test_a_moved_connection_that_ends_ends_where_it_is(db: asyncpg.Connection) -> None:
    """Its $disconnect names the resource of its ticket."""
    await Tab("a").connect(db)
    await watch(db, "a", "two", at(10))
    assert await Tab("a").disconnect(db, at(20)) is True
    assert (await sessions(db))[-1] == ("two", at(10), at(20), "client")
    assert await watch(db, "a", "three", at(21)) == "not_connected"


async def test_a_moved_connection_that_is_gone_was_here_when_it_moved(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await watch(db, "a", "two", at(300))
    await db.execute("select forget('{ann}', $1, '{a}', '{swept}', p_now => $2)", [NODE], at(1_000))
    assert (await sessions(db))[-1] == ("two", at(300), at(300), "swept")


async def test_an_ended_connection_is_the_last_of_its_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    assert await end(db, ["a"], at(10)) == 0
    assert await end(db, ["a", "b"], at(20)) == 1
    assert await end(db, ["a", "b"], at(30)) == 0
    assert await sessions(db) == [("site", T0, at(20), "kicked")]
    assert await facts(db, at(20)) == [("online", "site", T0), ("offline", "site", at(20))]


async def test_a_kicked_user_is_offline_once_and_online_again(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await end(db, ["a"], at(10))
    assert await Tab("a").disconnect(db, at(11), ended_by="kicked") is False
    assert await Tab("b").connect(db, at(12)) == "opened"
    assert await facts(db, at(100)) == [
        ("online", "site", T0),
        ("offline", "site", at(10)),
        ("online", "site", at(12)),
    ]


@pytest.mark.parametrize("is_all", [True, False])
async def test_a_kick_ends_a_session_within_its_grace(db: asyncpg.Connection, is_all: bool) -> None:
    """Only that one, if one was named; at the moment at which it had closed."""
    await Tab("a").connect(db)
    await Tab("b", resource="two").connect(db, at(1))
    await Tab("a").disconnect(db, at(10))
    await Tab("b", resource="two").disconnect(db, at(10))
    site = await db.fetchval("select id from watching_times where resource = 'site'")
    assert await end(db, [], at(20), None if is_all else site) == 0
    assert await sessions(db) == [
        ("site", T0, at(10), "kicked"),
        ("two", at(1), at(10), "kicked" if is_all else "client"),
    ]
    assert await facts(db, at(20)) == [
        ("online", "site", T0),
        ("online", "two", at(1)),
        ("offline", "site", at(10)),
        *([("offline", "two", at(10))] if is_all else []),
    ]
    assert len(await facts(db, at(100))) == 4


async def test_a_kick_of_a_user_who_is_not_here_changes_nothing(db: asyncpg.Connection) -> None:
    assert await end(db, ["a"], T0) == 0
    assert await rows(db) == []
