"""A real PostgreSQL for every test that wants one; the whole system for those that play it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from postgres import Postgres
from sql.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT = Path(__file__).parents[1]
READY_TIMEOUT_SECONDS = 60
CLONES = itertools.count()


# Delete, not truncate: these tables hold a few rows, and truncating one writes files. As a replica,
# for then foreign keys say nothing of the order.
EMPTY = """
set session_replication_role = replica;
do $$ declare name text; begin
    for name in select tablename from pg_tables where schemaname = 'public'
                   and tablename not in ('migrations', 'stream_epoch') loop
        execute format('delete from %I', name);
    end loop;
    insert into sweep_cursor default values;
    insert into fact_log default values;
    insert into broadcast_stream (seq) values (0);
end $$
"""


@pytest.fixture(scope="session")
def template_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database that nobody connects to: copies of it are made."""
    with Postgres(tmp_path_factory.mktemp("postgres"), durable=False) as dsn:
        asyncio.run(migrate(dsn))
        yield dsn


@pytest.fixture(scope="session")
def shared_dsn(template_dsn: str) -> str:
    """The database that tests share, one after the other."""
    asyncio.run(copy(template_dsn, "shared"))
    return named(template_dsn, "shared")


@pytest.fixture
async def dsn(shared_dsn: str) -> str:
    """A database with our schema and nothing in it. Emptied, not copied: a copy takes 100 ms."""
    db = await asyncpg.connect(shared_dsn)
    await db.execute(EMPTY)
    await db.close()
    return shared_dsn


@pytest.fixture
async def own_dsn(template_dsn: str) -> AsyncIterator[str]:
    """A database of the test's own, whose schema it may change."""
    name = f"own_{next(CLONES)}"
    await copy(template_dsn, name)
    yield named(template_dsn, name)
    admin = await asyncpg.connect(named(template_dsn, "postgres"))
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def copy(template_dsn: str, name: str) -> None:
    admin = await asyncpg.connect(named(template_dsn, "postgres"))
    await admin.execute(f"create database {name} template headcount strategy file_copy")
    await admin.close()


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the fresh database."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@dataclass(frozen=True)
class Headcount:
    """The whole system, running: what `make run` writes to run.json."""

    base_url: str
    websocket_url: str
    service_token: str
    database_url: str
    pid: int


@pytest.fixture(scope="session")
def headcount(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headcount]:
    """One system for all tests that play with users of their own."""
    with running(tmp_path_factory.mktemp("headcount")) as system:
        yield system


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Headcount]:
    """What `make run` starts, on a free port and in a folder of its own."""
    said = folder / "said.txt"
    command = [sys.executable, str(ROOT / "localstack" / "run.py"), "--folder", str(folder)]
    with said.open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(_free_port())],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _ready(folder / "run.json", process, said)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(READY_TIMEOUT_SECONDS)
    assert code == 0, said.read_text()[-2_000:]


def _ready(run_json: Path, running: subprocess.Popen[bytes], said: Path) -> Headcount:
    give_up = time.monotonic() + READY_TIMEOUT_SECONDS
    while not run_json.exists():
        assert running.poll() is None, said.read_text()
        assert time.monotonic() < give_up, f"not ready in time:\n{said.read_text()}"
        time.sleep(0.05)
    return Headcount(**json.loads(run_json.read_text()))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
