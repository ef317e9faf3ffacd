"""Reveals: told sealed at once, their key in time for all; cancelled before the instant only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from tests.sql.tabs import T0, Tab, at

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg


@dataclass(frozen=True)
class Ordered:
    reveal_id: UUID
    key_id: UUID
    outcome: str
    connections: int
    lead_ms: int


async def order(
    db: asyncpg.Connection, seconds: float = 60, now: datetime | None = T0, **more: Any
) -> Ordered:
    """A reveal so many seconds after T0, to be told to ten connections a second."""
    given = {
        **{"p_reveal_id": uuid4(), "p_content": '{"winner": "ann"}', "p_sealed": "c2VhbGVk"},
        **{"p_key": "a2V5", "p_audience": "everyone", "p_resource": None, "p_reveals_in": None},
        **{"p_reveals_at": at(seconds), "p_per_second": 10, "p_key_id": uuid4()},
        **{"p_fingerprint": "f", "p_now": now},
        **more,
    }
    names = ", ".join(f"{name} => ${n}" for n, name in enumerate(given, 1))
    row = await db.fetchrow(f"select * from create_reveal({names})", *given.values())  # noqa: S608
    return Ordered(given["p_reveal_id"], given["p_key_id"], *row)


async def come(db: asyncpg.Connection, connections: int) -> None:
    for n in range(connections):
        await Tab(f"tab-{n}", f"user-{n}").connect(db)


async def make(db: asyncpg.Connection, one: Ordered, seconds: float) -> int | None:
    wait_ms: int | None = await db.fetchval(
        "select make_scheduled($1, $2)", one.key_id, at(seconds)
    )
    return wait_ms


async def told(db: asyncpg.Connection, broadcast_id: UUID) -> dict[str, Any] | None:
    news = await db.fetchval("select news from broadcasts where broadcast_id = $1", broadcast_id)
    return None if news is None else json.loads(news)


async def test_the_content_is_told_sealed_and_the_key_when_it_is_due(
    db: asyncpg.Connection,
) -> None:
    await come(db, 5)
    one = await order(db)
    assert (one.outcome, one.connections, one.lead_ms) == ("created", 5, 5_500)
    reveals_at = at(60).timestamp() * 1000
    news = await told(db, one.reveal_id)
    assert news == {
        "type": "reveal.sealed",
        "body": {
            **{"reveal_id": str(one.reveal_id), "reveals_at": reveals_at, "sealed": "c2VhbGVk"}
        },
    }
    assert await make(db, one, 54.4) == 50
    assert await told(db, one.key_id) is None
    assert [await make(db, one, 54.5), await make(db, one, 56)] == [0, 0]
    news = await told(db, one.key_id)
    assert news == {
        "type": "reveal.key",
        "body": {"reveal_id": str(one.reveal_id), "reveals_at": reveals_at, "key": "a2V5"},
    }


@pytest.mark.parametrize(("seconds", "outcome"), [(5.499, "too_soon"), (5.5, "created")])
async def test_an_instant_before_which_not_all_can_be_told_is_refused(
    db: asyncpg.Connection, seconds: float, outcome: str
) -> None:
    await come(db, 5)
    assert (await order(db, seconds)).outcome == outcome
    written = await db.fetchval("select count(*) from reveals")
    assert written == (outcome == "created")


async def test_only_the_viewers_of_its_resource_count(db: asyncpg.Connection) -> None:
    await come(db, 5)
    one = await order(db, p_audience="resource", p_resource="stream")
    assert (one.connections, one.lead_ms) == (0, 4_000)


async def test_the_same_order_is_done_once(db: asyncpg.Connection) -> None:
    one = await order(db)
    again = await order(db, p_reveal_id=one.reveal_id, p_key="other")
    other = await order(db, p_reveal_id=one.reveal_id, p_fingerprint="g")
    late = await order(db, p_reveal_id=one.reveal_id, now=at(61))
    assert [again.outcome, other.outcome, late.outcome] == ["repeated", "conflict", "repeated"]
    assert await db.fetchval("select key from reveals") == "a2V5"


async def test_a_cancelled_one_tells_no_key(db: asyncpg.Connection) -> None:
    one, cancel_id = await order(db), uuid4()
    cancel = "select cancel_reveal($1, $2, $3)"
    outcomes = [await db.fetchval(cancel, one.reveal_id, cancel_id, at(2)) for _ in range(2)]
    assert outcomes == ["cancelled", "already_cancelled"]
    assert await make(db, one, 56) is None
    news = await told(db, cancel_id)
    assert news is not None
    assert news["cancels"] == 1


async def test_what_has_been_revealed_cannot_be_cancelled(db: asyncpg.Connection) -> None:
    one = await order(db)
    cancel = "select cancel_reveal($1, $2, $3)"
    assert await db.fetchval(cancel, one.reveal_id, uuid4(), at(60)) == "revealed"
    assert await db.fetchval(cancel, uuid4(), uuid4(), at(60)) is None


async def test_a_key_that_is_hopelessly_late_is_not_told(db: asyncpg.Connection) -> None:
    one = await order(db)
    assert await make(db, one, 60 + 601) == 0
    assert await told(db, one.key_id) is None


async def test_what_is_old_is_pruned(db: asyncpg.Connection) -> None:
    await order(db)
    prune = "select prune('1 day', '1 day', $1, 10, $2)"
    await db.execute(prune, timedelta(days=30), at(60 + 30 * 86_400))
    assert await db.fetchval("select count(*) from reveals") == 1
    await db.execute(prune, timedelta(days=30), at(61 + 30 * 86_400))
    assert await db.fetchval("select count(*) from reveals") == 0
