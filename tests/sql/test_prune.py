"""prune: rows that are not needed any more go, the oldest first, a limited number at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from handlers.adapters.statements import text
from tests.sql.tabs import Tab, finalize

if TYPE_CHECKING:
    import asyncpg

DAY = timedelta(days=1)


async def told(db: asyncpg.Connection, *days_ago: int) -> None:
    """One fact, settled so long ago, each."""
    for days in days_ago:
        now = datetime.now(UTC) - days * DAY
        name = f"user-{days}"
        await Tab(name, user_id=name, expires_at=now).connect(db, now)
        await finalize(db, now)


async def prune(db: asyncpg.Connection, keep_facts: timedelta, limit: int = 100) -> int:
    row = await db.fetchrow("select * from prune($1, $2, null, $3)", DAY, keep_facts, limit)
    facts: int = row["presence_events"]
    return facts


async def left(db: asyncpg.Connection) -> list[int]:
    return [row["seq"] for row in await db.fetch(text("presence_events"), 0, 100)]


async def test_facts_older_than_they_are_kept_go(db: asyncpg.Connection) -> None:
    await told(db, 9, 8, 6)
    assert await prune(db, 7 * DAY) == 2
    assert await left(db) == [3]


async def test_a_reader_can_see_that_facts_have_gone(db: asyncpg.Connection) -> None:
    await told(db, 9, 8, 6)
    await prune(db, 7 * DAY)
    log = await db.fetchrow(text("presence_event_log"))
    assert (log["pruned_seq"], log["last_seq"]) == (2, 3)


async def test_the_oldest_facts_go_first(db: asyncpg.Connection) -> None:
    await told(db, 9, 8, 6)
    assert [await prune(db, 7 * DAY, limit=1) for _ in range(3)] == [1, 1, 0]
    assert await left(db) == [3]


async def test_pruning_twice_prunes_once(db: asyncpg.Connection) -> None:
    await told(db, 9)
    assert [await prune(db, 7 * DAY) for _ in range(2)] == [1, 0]
    assert (await db.fetchrow(text("presence_event_log")))["pruned_seq"] == 1


async def test_numbers_go_on_where_they_were(db: asyncpg.Connection) -> None:
    await told(db, 9)
    await prune(db, 7 * DAY)
    await told(db, 1)
    assert await left(db) == [2]


async def test_an_event_of_a_wrong_clock_goes_with_the_next_one(db: asyncpg.Connection) -> None:
    """Recorded while the clock was ahead; more of them than a batch takes."""
    await told(db, 9, -400, -401, 8, 6)
    assert [await prune(db, 7 * DAY, limit=2) for _ in range(4)] == [1, 2, 1, 0]
    assert await left(db) == [5]


async def test_an_event_of_a_wrong_clock_stays_as_long_as_the_next_one(
    db: asyncpg.Connection,
) -> None:
    await told(db, 9, -400, 6)
    assert [await prune(db, 7 * DAY) for _ in range(2)] == [1, 0]
    assert await left(db) == [2, 3]
