"""Presence when all of it happens at the same moment, over connections of their own."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.sql.tabs import NODE, WRONG_TOTALS, Tab, at, finalize, open_connections, rows
from tests.support.databases import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

RESOURCES = ("site", "stream", "page")


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def tabs(count: int) -> list[Tab]:
    """Of one user, over several resources."""
    places = itertools.cycle(RESOURCES)
    return [Tab(f"tab-{n}", resource=next(places), expires_at=soon()) for n in range(count)]


@asynccontextmanager
async def meanwhile(*steps: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Each of these over and over until the body is through, and once more. None may fail."""
    is_through = asyncio.Event()

    async def go_on(step: Callable[[], Awaitable[object]]) -> None:
        while not is_through.is_set():
            await step()
        await step()

    going = asyncio.gather(*(go_on(step) for step in steps))
    try:
        yield
    finally:
        is_through.set()
        await going


async def taking_turns(db: asyncpg.Pool) -> bool:
    """Facts are numbered without a gap; per user and resource: online, offline, online, …"""
    facts = await db.fetch("select * from presence_events order by seq")
    told: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for fact in facts:
        key = (fact["user_id"], fact["resource"])
        told.setdefault(key, []).append((fact["type"], fact["session_id"]))
    are_in_turns = True
    for one in told.values():
        ids = list(dict.fromkeys(session_id for _, session_id in one))
        pairs = [(fact, session_id) for session_id in ids for fact in ("online", "offline")]
        are_in_turns = are_in_turns and one == pairs[: len(one)]
    return are_in_turns and [fact["seq"] for fact in facts] == list(range(1, len(facts) + 1))


async def overlapping(db: asyncpg.Pool) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await db.fetch(
        "select a.id from sessions a join sessions b"
        "    on a.user_id = b.user_id and a.resource = b.resource and a.id < b.id"
        " where tstzrange(a.joined_at, a.ended_at) && tstzrange(b.joined_at, b.ended_at)"
    )
    return found


async def test_all_at_once_leaves_the_right_set(pool: asyncpg.Pool) -> None:
    """64 tabs of one user come; they stay, go, move, are kicked or forgotten, while others look."""

    async def stays(_tab: Tab) -> None:
        pass

    async def goes(tab: Tab) -> None:
        await tab.disconnect(pool, None)

    async def moves(tab: Tab) -> None:
        await tab.watch(pool, "elsewhere", None)

    async def is_kicked(tab: Tab) -> None:
        ended = "select end_connections($1, -1, $2, $3)"
        await pool.fetchval(ended, tab.user_id, [NODE], [tab.name])

    async def is_forgotten(tab: Tab) -> None:
        """As if it were old enough: the first minute is another test."""
        forget = "select forget($1, $2, $3, '{swept}', '30 seconds', clock_timestamp() + '2 min')"
        await pool.fetchval(forget, [tab.user_id], [NODE], [tab.name])

    fates = (stays, goes, moves, is_kicked, is_forgotten)
    here = tabs(AT_ONCE)

    async def live(tab: Tab, fate: Callable[[Tab], Awaitable[None]]) -> None:
        await tab.connect(pool, None)
        await fate(tab)

    names = [tab.name for tab in here]
    doubts = "select suspect($1, $2, $3, $4)"
    everyone = (["ann"] * AT_ONCE, [NODE] * AT_ONCE, names)
    async with meanwhile(
        lambda: pool.fetch("select * from finalize(7)"),
        lambda: pool.fetch("select * from finalize(7)"),
        lambda: pool.fetch("select * from sweep(1)"),
        lambda: pool.fetch(doubts, *everyone, [True, False] * (AT_ONCE // 2)),
    ):
        await asyncio.gather(
            *(live(tab, fate) for tab, fate in zip(here, itertools.cycle(fates), strict=False))
        )

    expected: dict[str, set[str]] = {}
    for tab, fate in zip(here, itertools.cycle(fates), strict=False):
        if fate in (stays, moves):
            expected.setdefault("elsewhere" if fate is moves else tab.resource, set()).add(tab.name)
    found = {row["resource"]: open_connections(row) for row in await rows(pool) if row["nodes"]}
    assert found == expected
    await finalize(pool, datetime.now(UTC) + timedelta(hours=1))
    assert await taking_turns(pool)


@pytest.mark.parametrize("most", [1, 20, 63])
async def test_the_cap_is_exact(pool: asyncpg.Pool, most: int) -> None:
    outcomes = await asyncio.gather(*(tab.connect(pool, None, most) for tab in tabs(AT_ONCE)))
    assert Counter(outcomes)["too_many"] == AT_ONCE - most
    assert await pool.fetchval("select count_connections('ann')") == most


async def test_settles_at_once_number_each_fact_once(pool: asyncpg.Pool) -> None:
    users = [Tab(f"tab-{n}", user_id=f"user-{n}", expires_at=soon()) for n in range(200)]
    await asyncio.gather(*(tab.connect(pool, None) for tab in users))
    told = 0
    while told < len(users):
        settled = await asyncio.gather(*(finalize(pool, None, 20) for _ in range(AT_ONCE)))
        told += sum(facts for facts, _ in settled)
    assert await pool.fetchval("select count(distinct user_id) from presence_events") == told
    assert await taking_turns(pool)


async def test_a_settle_that_meets_who_comes_back_tells_what_then_is(pool: asyncpg.Pool) -> None:
    """At the last moment of the grace: continued and never offline, or offline and opened again."""
    outcomes = Counter[str]()
    for turn in range(60):
        first, second = (
            Tab(f"tab-{turn}-{n}", user_id=f"user-{turn}", expires_at=at(100)) for n in range(2)
        )
        await first.connect(pool)
        await first.disconnect(pool, at(10))
        outcome, _ = await asyncio.gather(second.connect(pool, at(39.999)), finalize(pool, at(40)))
        outcomes[outcome] += 1
        await finalize(pool, at(40))
        told = "select array_agg(type::text order by seq) from presence_events where user_id = $1"
        online = ["online", "offline", "online"] if outcome == "opened" else ["online"]
        assert await pool.fetchval(told, first.user_id) == online
    assert outcomes.keys() <= {"opened", "continued"}
    assert await taking_turns(pool)


async def test_a_storm_of_reloads_under_settles_tells_a_story_in_turns(pool: asyncpg.Pool) -> None:
    """The grace is so short that some continue and some do not."""
    grace = timedelta(milliseconds=4)

    async def reload(user: str) -> None:
        for turn in range(25):
            ticket = (f"{user}-{turn}", soon(), grace)
            connect = "select connect($1, 'site', $2, $3, $4, $5, $6)"
            await pool.fetchval(connect, user, NODE, f"tab-{turn}", *ticket)
            disconnect = "select disconnect($1, $2, $3, 'client', $4, $5, $6)"
            await pool.fetchval(disconnect, user, NODE, f"tab-{turn}", *ticket)

    async with meanwhile(*[lambda: finalize(pool, None, 5)] * 8):
        await asyncio.gather(*(reload(f"user-{n}") for n in range(AT_ONCE - 8)))
    while (await finalize(pool, datetime.now(UTC) + timedelta(seconds=1)))[0]:
        pass
    assert await taking_turns(pool)
    assert not await overlapping(pool)
    assert await pool.fetchval("select count(*) from presence_outbox") == 0
    assert await pool.fetchval("select count(*) from watching_times") == 0
    assert await pool.fetchval("select count(*) * 2 from past_sessions") == await pool.fetchval(
        "select last_seq from presence_event_log"
    )
    assert not await pool.fetch(WRONG_TOTALS)


async def test_months_are_made_while_sessions_settle(own_dsn: str) -> None:
    """Twice at once, too: who comes second has nothing to do."""
    months = [datetime(2026, month, 5, tzinfo=UTC) for month in range(1, 13)]
    async with asyncpg.create_pool(own_dsn, min_size=8, max_size=8) as pool:
        for number in range(240):
            now = months[number % 12]
            tab = Tab(f"tab-{number}", user_id=f"user-{number}", expires_at=now)
            await tab.connect(pool, now)
            await tab.disconnect(pool, now)
        everything = datetime(2027, 1, 1, tzinfo=UTC)

        async def make_months() -> None:
            with suppress(asyncpg.LockNotAvailableError):
                await pool.fetch("select * from keep_months(0, $1)", months[0])

        async with meanwhile(make_months, make_months):
            while (await finalize(pool, everything, 10))[1]:
                pass
        await pool.fetch("select * from keep_months(0, $1)", months[0])
        assert await pool.fetchval("select count(*) from past_sessions") == 240
        assert await pool.fetchval("select count(*) from past_sessions_default") == 0
        assert await taking_turns(pool)
        assert not await pool.fetch(WRONG_TOTALS)


@asynccontextmanager
async def barred(dsn: str, table: str) -> AsyncIterator[None]:
    """No one can write the table."""
    db = await asyncpg.connect(dsn)
    async with db.transaction():
        await db.execute(f"lock table {table} in share mode")
        yield
    await db.close()


@pytest.mark.parametrize("table", ["past_sessions_default", "presence_events", "presence_outbox"])
async def test_a_crash_in_the_middle_of_a_settle_loses_and_doubles_nothing(
    dsn: str, pool: asyncpg.Pool, table: str
) -> None:
    for n in range(10):
        tab = Tab(f"tab-{n}", user_id=f"user-{n}")
        await tab.connect(pool)
        await tab.disconnect(pool, at(10))
    crashing = await asyncpg.connect(dsn)
    async with barred(dsn, table):
        settling = asyncio.create_task(finalize(crashing, at(40)))
        while not await _is_waiting(pool, crashing.get_server_pid()):
            """It has not come to the barred table yet."""
        await pool.execute("select pg_terminate_backend($1, 5000)", crashing.get_server_pid())
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await settling
    crashing.terminate()
    assert await pool.fetchval("select count(*) from presence_events") == 0
    assert await finalize(pool, at(40)) == (20, False)
    assert await taking_turns(pool)
    assert await pool.fetchval("select count(*) from past_sessions") == 10
    assert not await pool.fetch(WRONG_TOTALS)


LEFT_AND_CAME_BACK = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes, evidence)
    select user_id, 'site', now() - interval '3 hours', now(),
           jsonb_build_object($2::text, jsonb_build_object('tab', jsonb_build_object(
               'at', extract(epoch from now() - interval '1 hour')))),
           tstzmultirange(tstzrange(now() - interval '3 hours', now() - interval '2 hours'))
      from unnest($1::text[]) as user_id
"""
IN_ANOTHER_ORDER_BY_THEIR_LOCKS = """
select 'user-' || a, 'user-' || b from generate_series(0, 9) a, generate_series(0, 9) b
 where a < b and hashtextextended('user-' || a, 0) > hashtextextended('user-' || b, 0) limit 1
"""
ONE_IS_OVER = """
insert into past_sessions (id, user_id, resource, joined_at, ended_at, ended_by, ended_within)
    values ($1, $2, 'stream', now() - interval '1 hour', now(), 'client', '0')
"""


async def test_what_is_forgotten_and_what_is_finalized_takes_users_in_one_order(
    dsn: str, pool: asyncpg.Pool
) -> None:
    """Each keeps the totals of the users that it has seen to."""
    first, last = await pool.fetchrow(IN_ANOTHER_ORDER_BY_THEIR_LOCKS)
    await pool.execute(LEFT_AND_CAME_BACK, [first, last], NODE)
    forgetting = await asyncpg.connect(dsn)
    async with pool.acquire() as finalizing, finalizing.transaction():
        await finalizing.execute(ONE_IS_OVER, 1, first)
        forgotten = asyncio.create_task(
            forgetting.fetchval(
                "select forget($1, $2, array['tab', 'tab'], array['swept', 'swept'])",
                [last, first],
                [NODE, NODE],
            )
        )
        while not await _is_waiting(pool, forgetting.get_server_pid()):
            """It has not come to the first of them yet."""
        await finalizing.execute(ONE_IS_OVER, 2, last)
    assert await forgotten == 2
    await forgetting.close()


async def _is_waiting(pool: asyncpg.Pool, pid: int) -> bool:
    waiting: Any = await pool.fetchval(
        "select wait_event_type = 'Lock' from pg_stat_activity where pid = $1", pid
    )
    return bool(waiting)
