"""sweep, doubt: who is asked for, and what is evidence that a connection was open."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.adapters.statements import text
from tests.sql.tabs import NODE, T0, Tab, at, forget, the_row

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

OTHER = "other.example/live"


async def sweep(db: asyncpg.Connection, now: datetime, limit: int = 100) -> dict[str, Any]:
    row = await db.fetchrow("select * from sweep($1, $2)", limit, now)
    return {**row, "connections": json.loads(row["connections"])}


async def swept(db: asyncpg.Connection, page: dict[str, Any]) -> None:
    await db.execute("select finish_sweep_page($1, $2)", page["cycle_started_at"], page["page"])


async def cycle(db: asyncpg.Connection, now: datetime) -> None:
    """A whole cycle that asks everyone; `doubt` before it says who did not answer."""
    page = await sweep(db, now)
    await swept(db, page)


async def suspect(db: asyncpg.Connection, tab: Tab, is_suspect: bool = True) -> None:
    await db.execute(
        "select suspect($1, $2, $3, $4)", [tab.user_id], [tab.node], [tab.name], [is_suspect]
    )


async def test_pages_together_list_everyone_once(db: asyncpg.Connection) -> None:
    names = [f"user-{n}" for n in range(5)]
    for name in names:
        await Tab(name, user_id=name).connect(db)
    pages = [await sweep(db, at(100 + n), limit=2) for n in range(3)]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert [user for page in pages for user, *_ in page["connections"]] == names


async def test_after_the_last_page_a_new_cycle_begins(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    first, second = await sweep(db, at(100)), await sweep(db, at(200))
    assert first["connections"] == second["connections"]
    assert second["cycle_started_at"] == at(200)


@pytest.mark.parametrize(("seconds", "listed"), [(59.999, 0), (60, 0), (60.001, 1)])
async def test_a_connection_in_its_first_minute_is_not_asked_for(
    db: asyncpg.Connection, seconds: float, listed: int
) -> None:
    await Tab("a").connect(db)
    assert len((await sweep(db, at(seconds)))["connections"]) == listed


@pytest.mark.parametrize(("seconds", "is_expired"), [(7_200, False), (7_200.001, True)])
async def test_a_connection_older_than_two_hours_has_expired(
    db: asyncpg.Connection, seconds: float, is_expired: bool
) -> None:
    await Tab("a").connect(db)
    page = await sweep(db, at(seconds))
    assert page["connections"] == [["ann", NODE, "a", is_expired, False]]


async def test_a_cycle_that_asked_everyone_is_evidence(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await cycle(db, at(100))
    await forget(db, [Tab("a")], at(210))
    assert (await the_row(db))["ended_at"] == at(100)


# ---- pages


async def begin(db: asyncpg.Connection, second: float = 100) -> list[dict[str, Any]]:
    """The three pages of a cycle: ann's, bob's, and an empty one."""
    for name in ("ann", "bob"):
        await Tab(name, user_id=name).connect(db)
    return [await sweep(db, at(second + n), limit=1) for n in range(3)]


async def probed(db: asyncpg.Connection) -> datetime | None:
    """When the last cycle began that is evidence."""
    since: datetime = await db.fetchval("select probed_since from sweep_cursor")
    return since if since >= T0 else None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_pages_finish_in_any_order(db: asyncpg.Connection, order: tuple[int, ...]) -> None:
    pages = await begin(db)
    for n in order:
        assert await probed(db) is None
        await swept(db, pages[n])
    assert await probed(db) == at(100)


@pytest.mark.parametrize("missing", range(3))
async def test_a_cycle_of_which_a_page_was_not_asked_is_none(
    db: asyncpg.Connection, missing: int
) -> None:
    """Also if its others are said twice, as when a statement is sent again."""
    pages = await begin(db)
    for page in 2 * (pages[:missing] + pages[missing + 1 :]):
        await swept(db, page)
    await sweep(db, at(200))
    assert await probed(db) is None


async def test_a_page_that_finishes_in_the_next_cycle_makes_its_own_whole(
    db: asyncpg.Connection,
) -> None:
    ann, bob, none = await begin(db)
    await swept(db, none)
    await swept(db, ann)
    page = await sweep(db, at(200))
    await swept(db, bob)
    assert await probed(db) == at(100)
    await swept(db, page)
    assert await probed(db) == at(200)


async def test_a_cycle_that_was_overtaken_takes_back_no_evidence(db: asyncpg.Connection) -> None:
    old = await begin(db)
    await swept(db, await sweep(db, at(200)))
    for page in old:
        await swept(db, page)
    assert await probed(db) == at(200)


async def test_a_page_of_a_cycle_is_none_of_the_next(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    old = await sweep(db, at(100))
    await sweep(db, at(110))
    await swept(db, old)
    assert await probed(db) == at(100)


async def test_a_cycle_is_whole_that_became_longer_while_it_went_on(db: asyncpg.Connection) -> None:
    await Tab("b", user_id="bob").connect(db)
    pages = [await sweep(db, at(100), limit=1)]
    for name in ("ann", "cyd"):
        await Tab(name, user_id=name, expires_at=at(200)).connect(db, at(101))
    pages += [await sweep(db, at(102), limit=1) for _ in range(2)]
    assert [page["has_more"] for page in pages] == [True, True, False]
    for page in pages:
        await swept(db, page)
    assert await probed(db) == at(100)


@pytest.mark.parametrize(("seconds", "again"), [(120, False), (120.001, True)])
async def test_a_page_whose_run_has_died_is_handed_out_again(
    db: asyncpg.Connection, seconds: float, again: bool
) -> None:
    """As itself: with those who have been there since before the cycle, and only they."""
    ann, bob, none = await begin(db)
    for page in (ann, none):
        await swept(db, page)
    await Tab("b", user_id="b", expires_at=at(200)).connect(db, at(102))
    page = await sweep(db, at(101 + seconds))
    assert (page["page"] == bob["page"]) is again
    if again:
        assert page["has_more"]
        assert page["connections"] == [["bob", NODE, "bob", False, False]]
        assert (await sweep(db, at(102 + seconds)))["page"] == 1, "it has been handed out now"
        await swept(db, page)
        assert await probed(db) == at(100)


async def test_the_release_before_counts_its_pages(db: asyncpg.Connection) -> None:
    """Its statement knows nothing of rows, and only of the order."""
    for page in await begin(db):
        await db.execute(
            "update sweep_cursor set pages_asked = $2::integer"
            " where cycle_started_at = $1 and pages_asked = $2::integer - 1",
            *(page["cycle_started_at"], page["page"]),
        )
    await sweep(db, at(200))
    assert await probed(db) == at(100)


async def test_who_did_not_answer_has_no_more_evidence_than_before(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await cycle(db, at(100))
    await sweep(db, at(200))
    await suspect(db, Tab("a"))
    await suspect(db, Tab("a"))
    for second in (300, 400, 500):
        await cycle(db, at(second))
    await forget(db, [Tab("a")], at(600))
    row = await the_row(db)
    assert (row["ended_at"], row["ended_within"]) == (at(100), timedelta(seconds=500))


async def test_the_sweep_says_who_is_in_doubt(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await suspect(db, Tab("a"))
    page = await sweep(db, at(100))
    assert page["connections"] == [["ann", NODE, "a", False, True]]


async def test_who_answers_again_has_the_evidence_of_everyone(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await suspect(db, Tab("a"))
    await cycle(db, at(100))
    await sweep(db, at(200))
    await suspect(db, Tab("a"), is_suspect=False)
    assert "seen" not in (await the_row(db))["nodes"][NODE]["a"]
    await forget(db, [Tab("a")], at(210))
    assert (await the_row(db))["ended_at"] == at(100)


async def test_a_doubt_about_who_is_gone_changes_nothing(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    before = await the_row(db)
    await suspect(db, Tab("a"))
    await suspect(db, Tab("a"), is_suspect=False)
    assert await the_row(db) == before


async def test_a_doubt_moves_with_the_connection(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await suspect(db, Tab("a"))
    await Tab("a").watch(db, "stream", at(50))
    page = await sweep(db, at(100))
    assert page["connections"] == [["ann", NODE, "a", False, True]]


async def test_a_lost_node_lists_its_connections_page_by_page(db: asyncpg.Connection) -> None:
    for name in ("ann", "bob", "cid"):
        await Tab(name, user_id=name, node=OTHER if name == "bob" else NODE).connect(db)
    (first,) = await db.fetch(text("list_node_connections"), NODE, "", "", 1)
    (second,) = await db.fetch(
        text("list_node_connections"), NODE, first["user_id"], first["resource"], 1
    )
    assert [tuple(row) for row in (first, second)] == [
        ("ann", "site", "ann"),
        ("cid", "site", "cid"),
    ]
    assert not await db.fetch(text("list_node_connections"), NODE, "cid", "site", 1)
