"""How many connections the audience of a bonus has: exact when they are few, near it when many."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest

from tests.support.bonuses import drop

# Two connections each; every fourth user watches another resource, and every tenth has left.
PEOPLE = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes, ended_at, ended_by,
                            ended_within)
    select 'user-' || n, case when n % 4 = 0 then 'other' else 'site' end, now(), now(),
           case when n % 10 = 0 then '{}'
                else '{"node": {"a": {}, "b": {}}}'::jsonb end,
           case when n % 10 = 0 then now() end,
           case when n % 10 = 0 then 'client'::ending end,
           case when n % 10 = 0 then interval '0' end
      from generate_series(1, $1::integer) n
"""


async def count(db: asyncpg.Connection, **order: object) -> int:
    bonus_id = await drop(db, **order)
    return int(await db.fetchval("select count_audience($1)", bonus_id))


async def fill(db: asyncpg.Connection, people: int) -> None:
    await db.execute(PEOPLE, people)
    await db.execute("analyze watching_times")


@pytest.mark.parametrize("people", [0, 1, 40])
async def test_a_few_are_counted(db: asyncpg.Connection, people: int) -> None:
    await fill(db, people)
    online = [n for n in range(1, people + 1) if n % 10]
    assert await count(db) == 2 * len(online)
    others = [n for n in online if n % 4 == 0]
    assert await count(db, audience="resource", resource="other") == 2 * len(others)
    assert await count(db, user_ids=["user-1", "user-10", "nothing"]) == 2 * (1 in online)


async def test_a_bonus_that_does_not_exist_has_no_audience(db: asyncpg.Connection) -> None:
    await fill(db, 40)
    assert await db.fetchval("select count_audience($1)", uuid4()) == 0


@pytest.mark.parametrize("people", [30_000, pytest.param(800_000, marks=pytest.mark.slow)], ids=str)
async def test_many_are_estimated(own_dsn: str, people: int) -> None:
    """From every third block, or every eightieth: within a tenth. The few of a resource exactly."""
    db = await asyncpg.connect(own_dsn)
    await fill(db, people)
    await db.execute(
        "update watching_times set resource = 'quiet' where user_id in ('user-1', 'user-2')"
    )
    assert await count(db) == pytest.approx(2 * 0.9 * people, rel=0.1)
    # Every fourth but for every twentieth, which has left.
    others = people / 4 - people / 20
    assert await count(db, audience="resource", resource="other") == pytest.approx(
        2 * others, rel=0.1
    )
    assert await count(db, audience="resource", resource="quiet") == 4
    await db.close()
