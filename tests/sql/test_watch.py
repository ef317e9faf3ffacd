"""watch: a connection moves to another resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sql.tabs import T0, Tab, at, facts, finalize, forget, open_connections, rows, sessions

if TYPE_CHECKING:
    import asyncpg


async def test_a_move_ends_the_one_session_and_opens_the_other(db: asyncpg.Connection) -> None:
    tab = Tab("a")
    await tab.connect(db)
    moved = await tab.watch(db, "stream", at(10))
    assert (moved["outcome"], moved["connections"], moved["watched_ms"]) == ("opened", 1, 0)
    left, entered = await sessions(db)
    assert (left["resource"], left["ended_at"], left["ended_by"]) == ("site", at(10), "moved")
    assert (entered["resource"], entered["joined_at"]) == ("stream", at(10))


async def test_a_move_is_told_at_once(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").watch(db, "stream", at(10))
    await finalize(db, at(10))
    assert await facts(db) == [
        ("online", "site", T0),
        ("offline", "site", at(10)),
        ("online", "stream", at(10)),
    ]


async def test_a_move_to_where_it_is_changes_nothing(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    before = await rows(db)
    watching = await Tab("a").watch(db, "site", at(10))
    assert (watching["outcome"], watching["watched_ms"]) == ("watching", 10_000)
    assert await rows(db) == before


async def test_a_move_that_is_said_twice_is_one_move(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").watch(db, "stream", at(10))
    assert (await Tab("a").watch(db, "stream", at(11)))["outcome"] == "watching"
    assert len(await sessions(db)) == 2


async def test_who_moves_back_within_the_grace_begins_a_new_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").watch(db, "stream", at(10))
    assert (await Tab("a").watch(db, "site", at(11)))["outcome"] == "opened"
    spans = [(s["resource"], s["joined_at"], s["ended_at"]) for s in await sessions(db)]
    assert spans == [("site", T0, at(10)), ("stream", at(10), at(11)), ("site", at(11), None)]


async def test_who_moves_to_where_they_just_closed_continues(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b", resource="stream").connect(db)
    await Tab("b").disconnect(db, at(5))
    moved = await Tab("a").watch(db, "stream", at(10))
    assert (moved["outcome"], moved["watched_ms"]) == ("continued", 10_000)


async def test_a_connection_in_no_session_is_told_to_connect_again(db: asyncpg.Connection) -> None:
    moved = await Tab("a").watch(db, "stream", at(10))
    assert (moved["outcome"], moved["joined_at"], moved["connections"]) == (
        "not_connected",
        None,
        0,
    )
    assert await rows(db) == []


async def test_a_move_after_the_disconnect_reopens_nothing(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    assert (await Tab("a").watch(db, "stream", at(11)))["outcome"] == "not_connected"
    assert [row["ended_at"] for row in await rows(db)] == [at(10)]


async def test_a_tab_that_leaves_another_behind_ends_no_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    await Tab("a").watch(db, "stream", at(10))
    assert [(r["resource"], open_connections(r), r["ended_at"]) for r in await rows(db)] == [
        ("site", {"b"}, None),
        ("stream", {"a"}, None),
    ]


async def test_a_tab_that_follows_joins_the_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    await Tab("a").watch(db, "stream", at(10))
    moved = await Tab("b").watch(db, "stream", at(15))
    assert (moved["outcome"], moved["connections"], moved["watched_ms"]) == ("joined", 2, 5_000)


async def test_a_moved_connection_still_ends_two_hours_after_it_opened(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await Tab("a").watch(db, "stream", at(3_600))
    listed = "select connections from sweep(100, $1)"
    before, after = [await db.fetchval(listed, at(seconds)) for seconds in (7_200, 7_201)]
    assert '"a", false, false' in before
    assert '"a", true, false' in after
    await forget(db, [Tab("a")], at(7_300))
    (*_, last) = await sessions(db)
    assert last["ended_at"] + last["ended_within"] == at(7_200)


async def test_a_disconnect_finds_the_connection_where_it_has_moved(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").watch(db, "stream", at(10))
    assert await Tab("a").disconnect(db, at(20)) is True
    (*_, last) = await sessions(db)
    assert (last["resource"], last["ended_at"], last["ended_by"]) == (
        "stream",
        at(20),
        "client",
    )
