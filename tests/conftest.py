"""A real PostgreSQL for every test that wants one, and the whole system for those that play it."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CLONES = itertools.count()


@pytest.fixture(scope="session")
def template_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database that nobody connects to: tests get copies of it."""
    with Postgres(tmp_path_factory.mktemp("postgres"), durable=False) as dsn:
        asyncio.run(migrate(dsn))
        yield dsn


@pytest.fixture
async def dsn(template_dsn: str) -> AsyncIterator[str]:
    """A fresh database with our schema."""
    name = f"clone_{next(CLONES)}"
    admin = await asyncpg.connect(_named(template_dsn, "postgres"))
    await admin.execute(f"create database {name} template headcount strategy file_copy")
    yield _named(template_dsn, name)
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the fresh database."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
