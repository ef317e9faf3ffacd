"""A real PostgreSQL for every test that wants one; the whole system for those that play it.

Each worker of pytest-xdist has a server and a system of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from postgres import Postgres
from sql.migrate import migrate
from sql.roles import let_functions_log_in
from tests.support.databases import AT_ONCE, FUNCTIONS_PASSWORD, aside, copy, drop, named
from tests.support.order import dealt
from tests.support.pinning import pinning
from tests.support.system import Headcount, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CLONES = itertools.count()

# No verdict by the machine's speed.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)  # behind those who leave some out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        items[:] = dealt(items, workers)


@pytest.fixture(scope="session")
def template_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database without connections: tests copy it."""
    with Postgres(tmp_path_factory.mktemp("postgres"), durable=False) as dsn:
        asyncio.run(migrate(dsn))
        asyncio.run(let_functions_log_in(dsn, FUNCTIONS_PASSWORD))
        yield dsn
        assert asyncio.run(pinning(dsn)) == []


@pytest.fixture(scope="session")
def shared_dsn(template_dsn: str) -> str:
    """The database that tests share, one after the other."""
    asyncio.run(copy(template_dsn, "shared"))
    return named(template_dsn, "shared")


@pytest.fixture
def dsn(shared_dsn: str) -> str:
    """A database with our schema and nothing in it. Emptied, not copied: a copy takes 100 ms."""
    aside(shared_dsn).empty()
    return shared_dsn


@pytest.fixture
async def own_dsn(template_dsn: str) -> AsyncIterator[str]:
    """A database of the test's own, whose schema it may change."""
    name = f"own_{next(CLONES)}"
    await copy(template_dsn, name)
    yield named(template_dsn, name)
    await drop(template_dsn, name)


@pytest.fixture(scope="session")
async def lasting_db(shared_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(shared_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def db(dsn: str, lasting_db: asyncpg.Connection) -> asyncpg.Connection:
    """A connection to the fresh database; a new one would first have to get to know every table."""
    await lasting_db.reset()
    return lasting_db


@pytest.fixture(scope="session")
async def lasting_pool(shared_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(shared_dsn, min_size=AT_ONCE, max_size=AT_ONCE) as pool:
        yield pool


@pytest.fixture
def pool(dsn: str, lasting_pool: asyncpg.Pool) -> asyncpg.Pool:
    """Connections to the fresh database, for what happens at the same moment."""
    return lasting_pool


@pytest.fixture(scope="session")
def headcount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headcount]:
    """One system for all tests that play with users of their own."""
    with running(tmp_path_factory.mktemp("headcount")) as system:
        yield system
        assert asyncio.run(pinning(system.database_url)) == []
