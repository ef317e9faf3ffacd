"""The embedded PostgreSQL: what it promises to those who start it, and what it survives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from postgres import NoSpaceError, Postgres, PostgresError, find_binaries
from tests.support.processes import bystander, is_alive
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCALSTACK = Path(__file__).parents[2] / "localstack"

# Starts a server, says so, and waits to be killed. `abandon` ends the watchdog first, as if both
# had been killed at once.
OWNER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from postgres import Postgres
server = Postgres(Path(sys.argv[2]), durable=False)
server.start()
if sys.argv[3] == "abandon":
    server._watchdog.kill()
    server._watchdog.wait()
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has held a database already; making one takes half a second."""
    folder = tmp_path_factory.mktemp("postgres")
    with Postgres(folder, durable=False):
        return folder


async def test_a_new_folder_becomes_a_database(tmp_path: Path) -> None:
    with Postgres(tmp_path / "new", durable=False) as dsn:
        assert await ask(dsn, "select current_database()") == "headcount"
        assert await ask(dsn, "show server_encoding") == "UTF8"
    assert (urlsplit(dsn).scheme, urlsplit(dsn).hostname) == ("postgresql", "127.0.0.1")


async def test_data_stay_from_start_to_start(folder: Path) -> None:
    with Postgres(folder, durable=False) as dsn:
        await ask(dsn, "create table kept as select 42 as answer")
    with Postgres(folder, durable=False) as dsn:
        assert await ask(dsn, "select answer from kept") == 42


async def test_a_power_cut_costs_nothing_unless_asked_for(folder: Path) -> None:
    with Postgres(folder) as dsn:
        assert await ask(dsn, "show fsync") == "on"
        assert await ask(dsn, "show synchronous_commit") == "on"
    with Postgres(folder, durable=False) as dsn:
        assert await ask(dsn, "show fsync") == "off"


async def test_a_login_without_the_password_is_refused(folder: Path) -> None:
    with Postgres(folder, durable=False) as dsn:
        wrong = dsn.replace(urlsplit(dsn).password or "", "wrong")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(wrong, "select 1")


async def test_it_listens_on_the_loopback_address_only(folder: Path) -> None:
    with Postgres(folder, durable=False) as dsn:
        assert await ask(dsn, "show listen_addresses") == "127.0.0.1"
        assert await ask(dsn, "show unix_socket_directories") == ""


async def test_statements_are_counted_where_the_binaries_can(folder: Path) -> None:
    with Postgres(folder, durable=False) as dsn:
        loaded = await ask(dsn, "show shared_preload_libraries")
    assert loaded == find_binaries().preloaded().get("shared_preload_libraries", "")


def test_stop_leaves_no_process_and_may_come_twice(folder: Path) -> None:
    server = Postgres(folder, durable=False)
    server.start()
    pid = server_pid(folder)
    server.stop()
    server.stop()
    assert not is_alive(pid)


def test_a_server_ends_with_its_killed_owner(folder: Path) -> None:
    with owner_of(folder) as owner:
        pid = server_pid(folder)
        owner.kill()
        owner.wait()
    wait_until(lambda: not is_alive(pid))


async def test_a_server_left_behind_is_replaced(folder: Path) -> None:
    with owner_of(folder, "abandon") as owner:
        orphan = server_pid(folder)
        owner.kill()
        owner.wait()
    assert is_alive(orphan)
    with Postgres(folder, durable=False) as dsn:
        assert not is_alive(orphan)
        assert await ask(dsn, "select 1") == 1


async def test_a_killed_server_recovers(folder: Path) -> None:
    with owner_of(folder, "abandon") as owner:
        os.kill(server_pid(folder), signal.SIGKILL)
        owner.kill()
        owner.wait()
    with Postgres(folder, durable=False) as dsn:
        assert await ask(dsn, "select 1") == 1


async def test_a_server_that_died_is_started_again_under_its_address(folder: Path) -> None:
    server = Postgres(folder, durable=False)
    with server as dsn:
        assert server.ended() is None
        for _ in range(3):
            kill(server)
            server.restart()
            assert server.ended() is None
            assert await ask(dsn, "select 1") == 1
    server.restart()
    assert not (folder / "data" / "postmaster.pid").exists()


async def test_a_port_that_was_taken_meanwhile_is_told_and_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postgres.server.PASSING_TIMEOUT_SECONDS", 0.2)
    server = Postgres(folder, durable=False)
    with server as dsn:
        kill(server)
        port = urlsplit(dsn).port or 0
        with (
            taken(port),
            pytest.raises(PostgresError, match=rf"another process listens on its port {port}\."),
        ):
            server.restart()
        server.restart()
        assert await ask(dsn, "select 1") == 1


def taken(port: int) -> socket.socket:
    """Listen on a port, once the processes of the killed server have let it go."""
    listening: list[socket.socket] = []

    def is_taken() -> bool:
        with suppress(OSError):
            listening.append(socket.create_server(("127.0.0.1", port)))
        return bool(listening)

    wait_until(is_taken)
    return listening[0]


def kill(server: Postgres) -> None:
    os.kill(server_pid(server.folder), signal.SIGKILL)
    wait_until(lambda: server.ended() == "with signal 9")


async def test_a_stale_pid_file_harms_no_process(folder: Path) -> None:
    with bystander() as stranger:
        note = f"{stranger.pid}\n{folder / 'data'}\n0\n5432\n\n127.0.0.1\n"
        (folder / "data" / "postmaster.pid").write_text(note)
        with Postgres(folder, durable=False) as dsn:
            assert await ask(dsn, "select 1") == 1
        assert stranger.poll() is None
        stranger.kill()


async def test_a_half_made_database_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    with Postgres(tmp_path, durable=False) as dsn:
        assert await ask(dsn, "select 1") == 1


async def test_data_without_the_database_are_completed(tmp_path: Path) -> None:
    with Postgres(tmp_path, durable=False) as dsn:
        admin = await asyncpg.connect(dsn, database="postgres")
        await admin.execute("create table kept as select 42 as answer")
        await admin.execute("drop database headcount")
        await admin.close()
    (tmp_path / "data" / "headcount.complete").unlink()
    with Postgres(tmp_path, durable=False) as dsn:
        assert await ask(dsn, "select 1") == 1
        assert (
            await ask(dsn.removesuffix("headcount") + "postgres", "select answer from kept") == 42
        )


async def test_an_empty_folder_for_the_data_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with Postgres(tmp_path, durable=False) as dsn:
        assert await ask(dsn, "select 1") == 1


@pytest.mark.parametrize("left", [None, ""])
async def test_a_lost_password_is_replaced_and_the_data_stay(
    folder: Path, left: str | None
) -> None:
    with Postgres(folder, durable=False) as dsn:
        await ask(dsn, "create table if not exists stayed as select 42 as answer")
    (folder / "password").unlink()
    if left is not None:
        (folder / "password").write_text(left)
    with Postgres(folder, durable=False) as dsn:
        assert await ask(dsn, "select answer from stayed") == 42
    assert (folder / "password").stat().st_mode & 0o777 == 0o600


def test_a_new_database_is_not_begun_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postgres.cluster.NEEDED_MEGABYTES", 10**9)
    with pytest.raises(NoSpaceError, match=r"no space left .*Free .* MB there"):
        Postgres(tmp_path / "new").start()
    assert list((tmp_path / "new").iterdir()) == []


def test_two_cannot_use_one_folder(folder: Path) -> None:
    with (
        Postgres(folder, durable=False),
        pytest.raises(PostgresError, match="Another process already uses"),
    ):
        Postgres(folder, durable=False).start()


def test_data_of_another_version_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresError, match=r"were written by PostgreSQL 9 and .*move the folder"):
        Postgres(tmp_path).start()


def test_a_folder_without_programs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresError, match="no working PostgreSQL"):
        Postgres(tmp_path / "new").start()


def test_a_failed_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=False)
    server.start()
    server.stop()
    (tmp_path / "data" / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(PostgresError, match="no_such_setting"):
        server.start()
    assert not (tmp_path / "data" / "postmaster.pid").exists()


def test_a_folder_may_have_any_name_in_any_locale(tmp_path: Path) -> None:
    with owner_of(tmp_path / "für uns, and you", locale="C") as owner:
        owner.kill()


def test_only_its_own_folder_changes(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    before = tmp_path.stat()
    with Postgres(tmp_path / "new", durable=False):
        pass
    assert (tmp_path.stat().st_mode, tmp_path.stat().st_uid) == (before.st_mode, before.st_uid)
    assert (tmp_path / "new" / "password").stat().st_mode & 0o777 == 0o600


async def ask(dsn: str, query: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@contextmanager
def owner_of(
    folder: Path, how: str = "watch", locale: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNER, str(LOCALSTACK), str(folder), how]
    pipe = subprocess.PIPE
    other = {} if locale is None else {"LC_ALL": locale, "PYTHONUTF8": "0"}
    environment = os.environ | other
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        yield owner


def server_pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])
