"""What is left of a stock is told in steps, each once, to the users who do not have the bonus."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from handlers.adapters.statements import text
from handlers.services.bonuses import CancelBonus
from tests.support.bonuses import drop
from tests.support.statements import asked

if TYPE_CHECKING:
    import asyncpg

NODE = "gateway.example/live"
COME = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'user-' || n, 'site', now(), now(), jsonb_build_object('gateway.example/live',
           jsonb_build_object('tab-' || n, jsonb_build_object('at', 1)))
      from generate_series(1, $1::integer) n
"""
CLAIM = "select outcome, broadcast_id from claim('user-' || $1::text, 'c', $2)"
STOCK = "select broadcast_id from broadcasts where kind = 'stock' order by at"


async def claim(db: asyncpg.Connection | asyncpg.Pool, bonus_id: UUID, n: int) -> tuple[Any, Any]:
    row = await db.fetchrow(CLAIM, str(n), bonus_id)
    return row["outcome"], row["broadcast_id"]


async def page(db: asyncpg.Connection, broadcast_id: UUID) -> asyncpg.Record:
    return await db.fetchrow(
        "select * from broadcast_page($1, 1, $2, 100, 100000)", broadcast_id, uuid4()
    )


@pytest.mark.parametrize(
    ("stock", "steps"), [(1, [0]), (2, [1, 0]), (9, [5, 1, 0]), (20, [10, 2, 0])]
)
async def test_each_step_is_told_once(db: asyncpg.Connection, stock: int, steps: list[int]) -> None:
    await db.execute(COME, stock + 2)
    bonus_id = await drop(db, stock=stock)
    told = []
    for n in range(1, stock + 3):
        outcome, broadcast_id = await claim(db, bonus_id, n)
        assert outcome == ("claimed" if n <= stock else "sold_out")
        if broadcast_id:
            told.append(stock - n)
    assert told == steps
    assert await db.fetchval("select count(*) from broadcasts where kind = 'stock'") == len(steps)


async def test_of_a_large_stock_the_steps_are_told_when_they_are_near(
    db: asyncpg.Connection,
) -> None:
    """In slots of 7 and 8, each of which looks at the whole as it comes to a step of its own."""
    stock = 1_000
    await db.execute(COME, stock)
    bonus_id = await drop(db, stock=stock)
    told = []
    for n in range(1, stock + 1):
        _, broadcast_id = await claim(db, bonus_id, n)
        if broadcast_id:
            told.append((stock - n, await db.fetchval("select told_left from bonuses")))
    assert [step for _, step in told] == [500, 100, 0]
    assert all(step - 64 <= left <= step for left, step in told)


async def test_a_rush_tells_each_step_at_most_once_and_the_end_always(pool: asyncpg.Pool) -> None:
    await pool.execute(COME, 60)
    bonus_id = await drop(pool, stock=40)
    answers = await asyncio.gather(*(claim(pool, bonus_id, n) for n in range(1, 60)))
    assert sorted(outcome for outcome, _ in answers) == ["claimed"] * 40 + ["sold_out"] * 19
    # Two that took the last ones at once may have left it to the next.
    await claim(pool, bonus_id, 60)
    assert await pool.fetchval("select told_left from bonuses") == 0
    assert 1 <= len(await pool.fetch(STOCK)) <= 3


async def test_it_goes_to_those_who_do_not_have_it(db: asyncpg.Connection) -> None:
    """Also to a user who acknowledged it, with what they lack."""
    await db.execute(COME, 4)
    await db.execute(
        "update watching_times set joined_at = now() - interval '1 hour' where user_id <> 'user-3'"
    )
    minute = timedelta(minutes=1)
    bonus_id = await drop(db, stock=2, min_watched=minute, acknowledge=True)
    await db.execute("insert into acks select $1, 'user-2', now()", bonus_id)
    _, broadcast_id = await claim(db, bonus_id, 1)
    row = await page(db, broadcast_id)
    assert (row["kind"], json.loads(row["bonus"])["left"]) == ("stock", 1)
    assert json.loads(row["bonus"])["outcome"] is None
    assert {one[0] for one in json.loads(row["recipients"])} == {"user-2", "user-3", "user-4"}
    assert json.loads(row["progress"]).keys() == {"user-3"}
    _, broadcast_id = await claim(db, bonus_id, 2)
    row = await page(db, broadcast_id)
    said = json.loads(row["bonus"])
    assert (said["outcome"], said["left"]) == ("sold_out", 0)
    assert {one[0] for one in json.loads(row["recipients"])} == {"user-3", "user-4"}


async def test_an_offer_that_is_still_under_way_says_that_it_is_sold_out(
    db: asyncpg.Connection,
) -> None:
    await db.execute(COME, 2)
    bonus_id = await drop(db, stock=1)
    await claim(db, bonus_id, 1)
    assert json.loads((await page(db, bonus_id))["bonus"])["outcome"] == "sold_out"


@pytest.mark.parametrize("audience", [{"user_ids": ["user-1", "user-2"]}, {"resource": "site"}])
async def test_it_is_for_the_audience_only(
    db: asyncpg.Connection, audience: dict[str, Any]
) -> None:
    if "resource" in audience:
        audience = {**audience, "audience": "resource"}
    await db.execute(COME, 3)
    await db.execute("update watching_times set resource = 'stream' where user_id = 'user-3'")
    bonus_id = await drop(db, stock=1, **audience)
    _, broadcast_id = await claim(db, bonus_id, 1)
    recipients = json.loads((await page(db, broadcast_id))["recipients"])
    assert recipients == [["user-2", [[NODE, "tab-2"]], None]]


@pytest.mark.parametrize("end", ["cancelled", "over"])
async def test_what_is_over_is_not_told(db: asyncpg.Connection, end: str) -> None:
    await db.execute(COME, 2)
    bonus_id = await drop(db, stock=2)
    _, broadcast_id = await claim(db, bonus_id, 1)
    if end == "cancelled":
        await db.execute(*asked(CancelBonus(bonus_id, uuid4())))
    else:
        await db.execute("update broadcasts set expires_at = now() - interval '1 second'")
    row = await page(db, broadcast_id)
    assert (row["outcome"], row["recipients"]) == ("dropped", None)


async def test_should_the_queue_fail_the_schedule_finds_it(db: asyncpg.Connection) -> None:
    await db.execute(COME, 2)
    bonus_id = await drop(db, stock=1)
    _, broadcast_id = await claim(db, bonus_id, 1)
    orphans = [row["broadcast_id"] for row in await db.fetch(text("list_orphaned_broadcasts"))]
    assert broadcast_id not in orphans
    await db.execute("update broadcasts set queued_at = queued_at - interval '1 minute'")
    orphans = [row["broadcast_id"] for row in await db.fetch(text("list_orphaned_broadcasts"))]
    assert broadcast_id in orphans
