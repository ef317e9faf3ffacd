"""A statement that was planned on empty tables still serves a crowd."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.support.bonuses import create_bonus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NODE = "gateway.example/live"
TABLES = [
    *("acks", "bonus_stock", "claims", "ledger_default", "offers", "user_events", "user_limits"),
    *("user_streams", "watching_times"),
]
CROWD = """
insert into watching_times (user_id, resource, joined_at, seen_at, nodes)
    select 'user-' || n, 'site', now(), now(), '{"gateway.example/live": {"tab": {}}}'
      from generate_series(1, 20000) n;
insert into claims (bonus_id, user_id, claim_id, claimed_at)
    select gen_random_uuid(), 'user-' || n, 'c', now() from generate_series(1, 20000) n;
insert into ledger (bonus_id, user_id, entry, at)
    select bonus_id, user_id, 'claimed', claimed_at from claims;
insert into user_streams select 'user-' || n, 1 from generate_series(1, 20000) n;
insert into user_events
    select 'user-' || n, 1, 'like', '{}', now(), 'a1' from generate_series(1, 20000) n;
"""
READ = "select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables where relname = any ($1)"


@pytest.fixture
async def db(own_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """To a database that was vacuumed while it was empty, and is not looked after since."""
    db = await asyncpg.connect(own_dsn)
    for table in TABLES:
        await db.execute(f"alter table {table} set (autovacuum_enabled = off)")
    await db.execute("vacuum analyze")
    # A function's statements are planned for whatever parameters after their fifth call.
    await db.execute("set plan_cache_mode = force_generic_plan")
    yield db
    await db.close()


Call = Callable[[asyncpg.Connection, str, UUID], Awaitable[object]]


async def claim(db: asyncpg.Connection, user: str, bonus: UUID) -> object:
    return (await db.fetchval("select claim($1, 'c', $2, '1 second', 50)", user, bonus))[0]


async def act(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select act($1, $2, 'like', '{}', '{\"a\": 1}', '1 second', 50)"
    return (await db.fetchval(call, user, uuid4().hex))[0]


async def hello(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select outcome from hello($1, $2, 'tab', 0, 'x', 0, '1 second', 50)"
    return await db.fetchval(call, user, NODE)


async def ledger(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    return await db.fetchval("select outcome from ledger_of($1, null, '1 second', 50)", user)


async def connect(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    """Also for a user who is here already, with another tab."""
    call = "select connect($1, 'site', $2, $3, $3, now() + interval '1 minute', '30 seconds')"
    return await db.fetchval(call, user, NODE, uuid4().hex)


async def disconnect(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select disconnect($1, $2, 'tab', 'client', $3, now() + interval '1 minute')"
    return await db.fetchval(call, user, NODE, uuid4().hex)


async def watch(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select outcome from watch($1, $2, 'tab', 'stream', '30 seconds')"
    return await db.fetchval(call, user, NODE)


async def visibility(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select outcome from visibility($1, $2, 'tab', false, 1, '1 second', 50)"
    return await db.fetchval(call, user, NODE)


async def forget(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    call = "select forget($1, $2, array['tab'], array['swept'])"
    return await db.fetchval(call, [user], [NODE])


async def push(db: asyncpg.Connection, audience: str, user_ids: list[str]) -> object:
    """The first page of a new bonus, of ten. Its shard is there: to plan it takes a sample."""
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, audience=audience, user_ids=user_ids))
    await db.execute("insert into broadcast_shards values ($1, 1, 1, 0, '', '')", bonus)
    call = "select outcome from broadcast_page($1, 1, gen_random_uuid(), 10, 1000000)"
    return await db.fetchval(call, bonus)


async def push_to_everyone(db: asyncpg.Connection, _user: str, _bonus: UUID) -> object:
    return await push(db, "everyone", [])


async def push_to_listed(db: asyncpg.Connection, user: str, _bonus: UUID) -> object:
    return await push(db, "users", [user])


@pytest.mark.parametrize(
    "call",
    [
        claim,
        act,
        hello,
        ledger,
        connect,
        disconnect,
        watch,
        visibility,
        forget,
        push_to_everyone,
        push_to_listed,
    ],
)
async def test_who_comes_with_a_crowd_reads_their_own_rows(
    db: asyncpg.Connection, call: Call
) -> None:
    bonus = uuid4()
    await db.execute(*create_bonus(bonus, stock=100))
    for n in range(3):
        await call(db, f"early-{n}", bonus)
    await db.execute(CROWD)
    before = await _read(db)
    outcomes = {await call(db, f"user-{n}", bonus) for n in range(19_991, 20_001)}
    assert outcomes <= {
        "claimed",
        "acted",
        "welcome",
        "listed",
        "joined",
        True,
        "opened",
        "noted",
        0,
        "page",
    }
    assert await _read(db) - before < 1_000


async def _read(db: asyncpg.Connection) -> int:
    """How many rows have been read by reading whole tables."""
    await db.execute("select pg_stat_force_next_flush()")
    read: int = await db.fetchval(READ, TABLES)
    return read
