"""The grace: who comes back in time was never away; who does not, was away once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.sql.tabs import (
    T0,
    Tab,
    at,
    facts,
    finalize,
    forget,
    open_connections,
    probed,
    rows,
    sessions,
)

if TYPE_CHECKING:
    import asyncpg


def later(name: str, seconds: float, resource: str = "site") -> Tab:
    """A tab whose ticket is good for a while from then on."""
    return Tab(name, resource=resource, expires_at=at(seconds + 30))


EDGES = [(29.999, "continued"), (30, "opened"), (30.001, "opened")]


@pytest.mark.parametrize(("seconds", "outcome"), EDGES)
async def test_who_comes_back_within_the_grace_continues(
    db: asyncpg.Connection, seconds: float, outcome: str
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    assert await later("b", 40).connect(db, at(10 + seconds)) == outcome


@pytest.mark.parametrize(("seconds", "outcome"), EDGES)
async def test_whether_it_is_settled_by_then_or_not(
    db: asyncpg.Connection, seconds: float, outcome: str
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await finalize(db, at(10 + seconds))
    assert await later("b", 40).connect(db, at(10 + seconds)) == outcome


async def test_the_grace_is_counted_from_the_end_and_not_from_when_it_was_found(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await probed(db, at(100))
    await forget(db, [Tab("a")], at(120))
    assert await later("b", 120).connect(db, at(129)) == "continued"
    await later("b", 120).disconnect(db, at(130))
    await later("c", 140).connect(db, at(140))
    await probed(db, at(300))
    await forget(db, [Tab("c")], at(400))
    assert await later("d", 400).connect(db, at(400)) == "opened"


@pytest.mark.parametrize(("seconds", "numbered"), [(39.999, 1), (40, 2), (40.001, 2)])
async def test_offline_is_a_fact_when_the_grace_is_over(
    db: asyncpg.Connection, seconds: float, numbered: int
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    assert await finalize(db, at(seconds)) == (numbered, False)
    told = [("online", "site", T0), ("offline", "site", at(10))]
    assert await facts(db) == told[:numbered]


async def test_an_end_found_after_its_grace_is_told_at_once(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await forget(db, [Tab("a")], at(100))
    await finalize(db, at(100))
    assert await facts(db) == [("online", "site", T0), ("offline", "site", T0)]


async def test_who_continues_was_never_offline(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await later("b", 20).connect(db, at(20))
    await finalize(db, at(1_000))
    assert await facts(db) == [("online", "site", T0)]
    assert await db.fetchval("select count(*) from presence_outbox") == 0


async def test_a_second_end_has_a_grace_of_its_own(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await later("b", 20).connect(db, at(20))
    await later("b", 20).disconnect(db, at(25))
    await finalize(db, at(54.999))
    assert [fact for fact, *_ in await facts(db)] == ["online"]
    await finalize(db, at(55))
    assert (await facts(db))[1] == ("offline", "site", at(25))


async def test_offline_comes_before_the_next_online(db: asyncpg.Connection) -> None:
    """The session that is over is not finalized when the next one begins."""
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await later("b", 60).connect(db, at(60))
    await finalize(db, at(60))
    assert [(fact, at) for fact, _, at in await facts(db)] == [
        ("online", T0),
        ("offline", at(10)),
        ("online", at(60)),
    ]


async def test_sessions_that_are_over_are_past(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10), ended_by="idle")
    await finalize(db, at(40))
    assert await db.fetchval("select count(*) from watching_times") == 0
    (session,) = await sessions(db)
    assert (session["joined_at"], session["ended_at"]) == (T0, at(10))
    assert (session["ended_by"], session["ended_within"]) == ("idle", timedelta(0))


async def test_settling_twice_tells_once(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    assert await finalize(db, at(40)) == (2, False)
    assert await finalize(db, at(40)) == (0, False)
    assert len(await facts(db)) == 2


async def test_settling_takes_the_longest_due_first_and_says_that_there_is_more(
    db: asyncpg.Connection,
) -> None:
    for second, name in enumerate("cab"):
        await Tab(name, user_id=name).connect(db, at(second))
    assert await finalize(db, at(10), limit=2) == (2, True)
    assert (
        await db.fetchval("select string_agg(user_id, '' order by seq) from presence_events")
        == "ca"
    )
    assert await finalize(db, at(10), limit=2) == (1, False)


async def test_facts_are_numbered_without_a_gap(db: asyncpg.Connection) -> None:
    for turn in range(5):
        await later(f"tab-{turn}", turn * 100).connect(db, at(turn * 100))
        await later(f"tab-{turn}", turn * 100).disconnect(db, at(turn * 100 + 1))
        await finalize(db, at(turn * 100 + 31))
    seqs = [row["seq"] for row in await db.fetch("select seq from presence_events order by seq")]
    assert seqs == list(range(1, 11))
    assert await db.fetchval("select last_seq from presence_event_log") == 10


async def test_one_connection_too_many_is_refused(db: asyncpg.Connection) -> None:
    assert await Tab("a").connect(db, most=2) == "opened"
    assert await Tab("b", resource="stream").connect(db, most=2) == "opened"
    assert await Tab("c").connect(db, most=2) == "too_many"
    assert await Tab("d", resource="page").connect(db, most=2) == "too_many"
    assert [open_connections(row) for row in await rows(db)] == [{"a"}, {"b"}]


async def test_the_ticket_of_one_too_many_is_spent(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db, most=1)
    assert await Tab("b").connect(db, most=1) == "too_many"
    await Tab("a").disconnect(db, at(1))
    assert await Tab("b").connect(db, at(2), most=1) == "refused"


async def test_a_place_that_is_left_can_be_taken(db: asyncpg.Connection) -> None:
    await Tab("a").connect(db, most=1)
    await Tab("a").disconnect(db, at(1))
    assert await Tab("b").connect(db, at(2), most=1) == "continued"


async def test_one_too_many_leaves_a_session_that_has_closed_as_it_is(
    db: asyncpg.Connection,
) -> None:
    await Tab("a").connect(db)
    await Tab("a").disconnect(db, at(10))
    await Tab("b", resource="stream").connect(db, at(11))
    assert await Tab("c").connect(db, at(12), most=1) == "too_many"
    assert [row["ended_at"] for row in await rows(db)] == [at(10), None]
