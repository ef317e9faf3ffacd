"""connect, disconnect, forget: who is here, in any order and any number of times."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.sql.tabs import (
    GRACE,
    NODE,
    T0,
    Tab,
    at,
    forget,
    open_connections,
    probed,
    rows,
    sessions,
    the_row,
)

if TYPE_CHECKING:
    import asyncpg


async def test_the_first_connection_opens_a_session(db: asyncpg.Connection) -> None:
    assert await Tab("a").connect(db) == "opened"
    row = await the_row(db)
    assert (row["user_id"], row["resource"], row["joined_at"]) == ("ann", "site", T0)
    assert row["nodes"] == {
        NODE: {"a": {"at": T0.timestamp(), "ticket": "ticket-a", "until": at(30).timestamp()}}
    }
    assert row["ended_at"] is None


async def test_a_second_tab_joins_the_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    assert await Tab("b").connect(db, at(5)) == "joined"
    assert open_connections(await the_row(db)) == {"a", "b"}


async def test_another_resource_is_another_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    assert await Tab("b", resource="stream").connect(db) == "opened"


async def test_a_repeated_connect_changes_nothing(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    before = await the_row(db)
    assert await Tab("a").connect(db, at(20)) == "repeated"
    assert await the_row(db) == before


async def test_the_last_disconnect_closes_the_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    assert await Tab("a").disconnect(db, at(10)) is False
    assert await Tab("b").disconnect(db, at(20)) is True
    row = await the_row(db)
    assert (row["ended_at"], row["nodes"], row["ended_by"]) == (at(20), {}, "client")
    assert row["ended_within"] == timedelta(0)


async def test_a_repeated_disconnect_changes_nothing(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    await Tab("a").disconnect(db, at(10))
    assert await Tab("a").disconnect(db, at(15)) is False
    assert open_connections(await the_row(db)) == {"b"}


async def test_a_connect_after_its_own_disconnect_reopens_nothing(
    db: asyncpg.Connection,
) -> None:
    assert await Tab("a").disconnect(db, at(1)) is False
    assert await Tab("a").connect(db, at(2)) == "refused"
    assert await rows(db) == []


async def test_a_repeated_connect_after_the_disconnect_reopens_nothing(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(1))
    assert await Tab("a").connect(db, at(2)) == "refused"
    assert (await the_row(db))["ended_at"] == at(1)


async def test_a_connect_that_comes_when_its_ticket_is_forgotten_is_refused(
    db: asyncpg.Connection,
) -> None:
    tab = Tab("a")
    await tab.connect(db)
    await tab.disconnect(db, at(600))
    await db.execute("truncate used_tickets")
    assert await tab.connect(db, at(601)) == "refused"


async def test_a_ticket_opens_one_connection(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    stolen = "select connect('ann', 'site', $1, 'thief', 'ticket-a', $2, $3, p_now => $4)"
    assert await db.fetchval(stolen, NODE, at(30), GRACE, at(1)) == "refused"
    assert open_connections(await the_row(db)) == {"a"}


@pytest.mark.parametrize(("seconds", "outcome"), [(89, "opened"), (90, "opened"), (91, "refused")])
async def test_a_ticket_is_good_for_a_minute_after_it_expires(
    db: asyncpg.Connection, seconds: int, outcome: str
) -> None:
    assert await Tab("a").connect(db, at(seconds)) == outcome


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(29, "continued"), (30, "opened"), (31, "opened")]
)
async def test_a_reload_within_the_grace_continues_the_session(
    db: asyncpg.Connection, seconds: int, outcome: str
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    again = Tab("b", expires_at=at(100))
    assert await again.connect(db, at(10 + seconds)) == outcome
    count = await db.fetchval("select count(*) from sessions")
    assert count == (1 if outcome == "continued" else 2)


async def test_a_reopened_session_keeps_its_start_and_forgets_its_end(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await Tab("b").connect(db, at(12))
    row = await the_row(db)
    assert (row["joined_at"], row["ended_at"], row["ended_by"]) == (T0, None, None)


async def test_a_kicked_user_does_not_continue_the_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), ended_by="kicked")
    assert await Tab("b").connect(db, at(12)) == "opened"


async def test_two_nodes_hold_one_session(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b", node="other.example/live").connect(db)
    await Tab("a").disconnect(db, at(10))
    assert (await the_row(db))["nodes"].keys() == {"other.example/live"}


async def test_the_view_counts_connections_per_node(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    assert json.loads(await db.fetchval("select nodes from watching_counts")) == {NODE: 2}


@pytest.mark.parametrize(
    ("probed_at", "ends_at"),
    [(30, 0), (60, 0), (61, 61), (100, 100)],
)
async def test_a_forgotten_session_ends_at_its_last_evidence(
    db: asyncpg.Connection, probed_at: int, ends_at: int
) -> None:
    """When it opened, or when a cycle began that asked for it: it asks who is a minute old."""
    await Tab("a").connect(db)
    await probed(db, at(probed_at))
    assert await forget(db, [Tab("a")], at(200)) == 1
    row = await the_row(db)
    assert (row["ended_at"], row["ended_by"]) == (at(ends_at), "swept")
    assert row["ended_within"] == timedelta(seconds=200 - ends_at)


async def test_no_session_outlives_its_connection_by_two_hours(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await probed(db, at(10_000))
    await forget(db, [Tab("a")], at(20_000))
    row = await the_row(db)
    assert (row["ended_at"], row["ended_within"]) == (at(7_200), timedelta(0))


@pytest.mark.parametrize(("seconds", "closed"), [(59, 0), (60, 1), (61, 1)])
async def test_a_connection_in_its_first_minute_is_not_forgotten(
    db: asyncpg.Connection, seconds: int, closed: int
) -> None:
    """Its handshake may be under way still: API Gateway answers 410 for it until then."""
    await Tab("a").connect(db)
    assert await forget(db, [Tab("a")], at(seconds)) == closed


async def test_the_error_covers_a_tab_that_was_forgotten_before(db: asyncpg.Connection) -> None:
    """The first tab was open for two hours at most; the second, found gone first, for longer."""
    await Tab("a").connect(db)
    await Tab("b", expires_at=at(7_100)).connect(db, at(7_000))
    await forget(db, [Tab("b")], at(7_300))
    await forget(db, [Tab("a")], at(7_400))
    row = await the_row(db)
    assert row["ended_at"] + row["ended_within"] == at(7_300)


async def test_an_open_session_has_no_error_yet(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db)
    await forget(db, [Tab("b")], at(100))
    assert [session["ended_within"] for session in await sessions(db)] == [None]


async def test_what_another_tab_showed_is_evidence_too(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("b").connect(db, at(1))
    await Tab("b").disconnect(db, at(50))
    await forget(db, [Tab("a")], at(100))
    assert (await the_row(db))["ended_at"] == at(50)


async def test_forgetting_twice_closes_once(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await forget(db, [Tab("a"), Tab("a")], at(100))
    assert await forget(db, [Tab("a")], at(200)) == 0
    assert (await the_row(db))["ended_at"] == T0


async def test_a_late_disconnect_of_a_forgotten_connection_changes_nothing(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await forget(db, [Tab("a")], at(100))
    before = await the_row(db)
    assert await Tab("a").disconnect(db, at(200)) is False
    assert await the_row(db) == before


async def test_sixty_four_tabs_at_once_leave_the_right_set(pool: asyncpg.Pool) -> None:
    """Every tab connects; every other one disconnects, some of them before they have connected."""
    tabs = [Tab(f"tab-{n}", expires_at=datetime.now(UTC) + timedelta(minutes=1)) for n in range(64)]
    await asyncio.gather(
        *(tab.connect(pool, None) for tab in tabs),
        *(tab.disconnect(pool, None) for tab in tabs[::2]),
    )
    open_rows = [row for row in await rows(pool) if row["ended_at"] is None]
    assert [open_connections(row) for row in open_rows] == [{tab.name for tab in tabs[1::2]}]


async def test_a_reload_that_crosses_its_own_disconnect_continues_the_session(
    pool: asyncpg.Pool,
) -> None:
    """The old tab's $disconnect and the new tab's $connect run at the same moment, fifty times."""
    soon = datetime.now(UTC) + timedelta(minutes=1)
    tabs = [Tab(f"tab-{n}", expires_at=soon) for n in range(51)]
    await tabs[0].connect(pool, None)
    for old, new in itertools.pairwise(tabs):
        await asyncio.gather(old.disconnect(pool, None), new.connect(pool, None))
    assert open_connections(await the_row(pool)) == {"tab-50"}
