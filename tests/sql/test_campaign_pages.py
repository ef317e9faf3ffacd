"""Pages of a campaign's users: several are judged at once, and none twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.sql.tabs import T0, Tab, at
from tests.support.campaigns import begin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

OFFERED = "select user_id from offers order by 1"
AWARDED = "select awarded from campaign_milestones"
USERS = [f"user-{n}" for n in range(6)]


async def next_page(
    db: asyncpg.Connection | asyncpg.Pool, now: datetime, limit: int = 2
) -> asyncpg.Record:
    row = await db.fetchrow("select * from next_viewers($1, $2, $2)", limit, now)
    assert row is not None
    return row


async def judge(db: asyncpg.Connection | asyncpg.Pool, page: asyncpg.Record, now: datetime) -> int:
    place = [page[name] for name in ("campaign_id", "round", "after", "upto")]
    made: int = await db.fetchval("select judge_viewers($1, $2, $3, $4, p_now => $5)", *place, now)
    return made


async def come(pool: asyncpg.Pool, users: Sequence[str] = USERS) -> None:
    for user in users:
        await Tab(user, user, expires_at=at(30)).connect(pool, T0)


async def offered(pool: asyncpg.Pool) -> list[str]:
    return [row["user_id"] for row in await pool.fetch(OFFERED)]


async def test_several_are_judged_at_once(pool: asyncpg.Pool) -> None:
    await begin(pool, T0, 60)
    await come(pool)
    pages = [await next_page(pool, at(120)) for _ in range(3)]
    assert [page["upto"] for page in pages] == USERS[1::2]
    made = await asyncio.gather(*(judge(pool, page, at(120)) for page in reversed(pages)))
    assert made == [1, 1, 1]
    assert await offered(pool) == USERS
    assert await pool.fetchval(AWARDED) == len(USERS)
    empty = await next_page(pool, at(120))
    assert (empty["campaign_id"], empty["is_done"]) == (None, False), "the end of the users"
    assert (await next_page(pool, at(120)))["is_done"]


async def test_a_page_twice_awards_once(pool: asyncpg.Pool) -> None:
    await begin(pool, T0, 60)
    await come(pool)
    page = await next_page(pool, at(120))
    made = await asyncio.gather(*(judge(pool, page, at(120)) for _ in range(4)))
    assert sorted(made) == [0, 0, 0, 1]
    assert await judge(pool, page, at(180)) == 0
    assert await pool.fetchval(AWARDED) == 2


async def test_a_page_that_is_lost_is_judged_with_the_next_round_and_not_when_it_turns_up(
    pool: asyncpg.Pool,
) -> None:
    await begin(pool, T0, 60)
    await come(pool, USERS[:1])
    lost = await next_page(pool, at(120))
    again = await next_page(pool, at(180))
    assert (lost["upto"], again["upto"]) == (USERS[0], USERS[0])
    assert await judge(pool, lost, at(180)) == 0
    assert await judge(pool, again, at(180)) == 1


async def test_the_next_round_waits_for_the_pages_of_the_one_before(pool: asyncpg.Pool) -> None:
    await begin(pool, T0, 60)
    await come(pool, USERS[:1])
    page = await next_page(pool, at(120))
    async with pool.acquire() as slow:
        async with slow.transaction():
            assert await judge(slow, page, at(120)) == 1
            waiting = asyncio.create_task(next_page(pool, at(180)))
            while not await pool.fetchval(
                "select exists (select from pg_stat_activity where wait_event_type = 'Lock'"
                " and datname = current_database() and query like '%next_viewers%')"
            ):
                """It has not come to the campaign yet."""
        again = await waiting
    assert await judge(pool, again, at(180)) == 0, "it has been awarded"


async def test_what_all_users_share_is_judged_by_one_at_a_time(pool: asyncpg.Pool) -> None:
    await begin(pool, T0, 60, limits='{"in_all": 3}')
    await come(pool)
    pages = [await next_page(pool, at(120)) for _ in range(4)]
    assert {page["campaign_id"] for page in pages} == {None}
    assert sum(page["made"] for page in pages) == 2, "bonuses of two and of one"
    assert await offered(pool) == USERS[:3]


async def test_a_campaign_that_is_over_is_settled_by_one_at_a_time(pool: asyncpg.Pool) -> None:
    await begin(pool, T0, 60, ends_at=at(600))
    await come(pool)
    later = at(600) + timedelta(hours=2)
    while not (await next_page(pool, later))["is_done"]:
        """They are online no more when it settles: judge nothing before."""
    settled = later + timedelta(minutes=1)
    pages = [await next_page(pool, settled) for _ in range(4)]
    assert {page["campaign_id"] for page in pages} == {None}
    assert await offered(pool) == USERS
    assert await pool.fetchval("select settled_at from campaigns") == settled
