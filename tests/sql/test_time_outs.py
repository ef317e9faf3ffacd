"""What the database itself bounds, however its client has ended: sql/time_outs.sql."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from handlers.adapters.database import Database, Unavailable
from handlers.core.operation import Statement
from handlers.services.reports import REPORT_TIMEOUT
from sql.migrate import migrate, set_time_outs
from tests.support.waiting import until_answered
from tests.support.world import ample

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SETTINGS = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "client_connection_check_interval": "2s",
    "tcp_keepalives_idle": "60",
}
BOUNDED_MS = 200


class Lock(Statement[None], frozen=True):
    """Waits for the test's transaction."""

    function: ClassVar[str] = "wait_for_lock"


class Sleep(Statement[None], frozen=True):
    function: ClassVar[str] = "sleep_long"


@pytest.fixture
async def bounded(own_dsn: str) -> str:
    await set_time_outs(own_dsn)
    return own_dsn


@pytest.fixture
async def other(own_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(own_dsn)
    await db.execute(
        "create table counted (n integer);"
        "create sequence calls;"
        "create function sleep_long() returns void language plpgsql as"
        " $$ begin perform nextval('calls'); perform pg_sleep(600); end $$;"
        "create function wait_for_lock() returns void language plpgsql as"
        " $$ begin perform nextval('calls'); lock table counted; end $$;"
    )
    yield db
    await db.close()


async def calls(db: asyncpg.Connection) -> int:
    return int(
        await db.fetchval("select case when is_called then last_value else 0 end from calls")
    )


async def shown(db: asyncpg.Connection) -> dict[str, Any]:
    return {name: await db.fetchval("select current_setting($1)", name) for name in SETTINGS}


async def test_sessions_are_bounded_from_then_on_and_again_each_time(bounded: str) -> None:
    await asyncio.gather(*(set_time_outs(bounded) for _ in range(8)))
    db = await asyncpg.connect(bounded)
    assert await shown(db) == SETTINGS
    await db.close()


async def test_a_role_that_does_not_own_the_database_bounds_its_own_sessions(own_dsn: str) -> None:
    role = f"role_{secrets.token_hex(4)}"
    owner = await asyncpg.connect(own_dsn)
    await owner.execute(f"create role {role} login password 'secret'")
    address = urlsplit(own_dsn)
    netloc = f"{role}:secret@{address.netloc.rpartition('@')[2]}"
    dsn = urlunsplit(address._replace(netloc=netloc))
    await set_time_outs(dsn)
    for one, expected in ((dsn, "15s"), (own_dsn, "0")):
        db = await asyncpg.connect(one)
        assert await db.fetchval("show statement_timeout") == expected
        await db.close()
    await owner.execute(f"drop role {role}")
    await owner.close()


@pytest.mark.parametrize("statement", [Sleep(), Lock()])
async def test_a_statement_that_the_database_ends_is_not_run_again(
    bounded: str, other: asyncpg.Connection, statement: Statement[None]
) -> None:
    for setting in ("statement_timeout", "lock_timeout"):
        name = bounded.rpartition("/")[2]
        await other.execute(f"alter database {name} set {setting} = {BOUNDED_MS}")
    async with other.transaction():
        await other.execute("lock table counted")
        database = Database(bounded, ample())
        with pytest.raises(Unavailable, match="timeout"):
            await database.fetch(statement)
    assert await calls(other) == 1
    await database.close()


async def test_a_statement_ends_with_its_client(bounded: str, other: asyncpg.Connection) -> None:
    client = await asyncpg.connect(bounded)
    pid = await client.fetchval("select pg_backend_pid()")
    sleeping = asyncio.ensure_future(client.execute("select sleep_long()"))
    await until_answered(lambda: _is(other, pid, "active"))
    client.terminate()
    await asyncio.wait([sleeping])
    assert sleeping.exception()
    await until_answered(lambda: _is(other, pid, None))


async def test_a_forgotten_transaction_ends(bounded: str, other: asyncpg.Connection) -> None:
    forgetful = await asyncpg.connect(bounded)
    await forgetful.execute(f"set idle_in_transaction_session_timeout = {BOUNDED_MS}")
    pid = await forgetful.fetchval("select pg_backend_pid()")
    await forgetful.execute("begin; lock table counted")
    await until_answered(lambda: _is(other, pid, None))
    forgetful.terminate()


async def test_reports_have_their_own_bound(bounded: str, other: asyncpg.Connection) -> None:
    db = await asyncpg.connect(bounded)
    for milliseconds, expected in ((1_000, "1s"), (0, "0")):
        async with db.transaction():
            await db.execute("select limit_report($1)", milliseconds)
            assert await db.fetchval("show statement_timeout") == expected
    assert await db.fetchval("show statement_timeout") == "15s"
    await db.close()
    assert REPORT_TIMEOUT.total_seconds() < 15
    assert await calls(other) == 0


async def test_migrations_may_take_longer(bounded: str) -> None:
    name = bounded.rpartition("/")[2]
    db = await asyncpg.connect(bounded)
    await db.execute("delete from migrations where name = 'functions/base/length_of.sql'")
    await db.execute(
        "create function take_long() returns event_trigger language plpgsql"
        " as $$ begin perform pg_sleep(1.2); end $$;"
        " create event trigger take_long on ddl_command_end execute function take_long()"
    )
    await db.execute(f"alter database {name} set statement_timeout = '1s'")
    assert await migrate(bounded)
    await db.close()


async def _is(db: asyncpg.Connection, pid: int, state: str | None) -> bool:
    found = await db.fetchval("select state from pg_stat_activity where pid = $1", pid)
    return bool(found == state)
