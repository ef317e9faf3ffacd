"""`make run` as a stranger meets it: it starts, refuses in a sentence, and cleans up."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import pytest

from bench.support.ports import free_port
from postgres import Postgres
from tests.localstack.databases import PASSWORD, WRONG_ADDRESSES
from tests.support.processes import descendants, is_alive
from tests.support.runs import Running, launched, refused, started
from tests.support.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(tmp_path_factory.mktemp("running")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for one run after the other: only the first has to make a database."""
    return tmp_path_factory.mktemp("one-after-the-other")


def test_the_address_stands_on_a_line_of_its_own(running: Running) -> None:
    key = (running.folder / "page-key").read_text().strip()
    lines = [line.strip() for line in running.output().splitlines()]
    assert f"http://127.0.0.1:{running.port}/#token={key}" in lines


@pytest.mark.parametrize(
    ("path", "status"), [("/online", 200), ("/grants", 403), ("/keys", 403), ("/user-data", 403)]
)
def test_the_page_has_a_key_that_may_do_little(running: Running, path: str, status: int) -> None:
    key = (running.folder / "page-key").read_text().strip()
    assert running.asks(path, key) == status


def test_the_run_file_tells_programs_where_everything_is(running: Running) -> None:
    about = running.about()
    assert about["base_url"] == f"http://127.0.0.1:{running.port}"
    assert about["websocket_url"] == f"ws://127.0.0.1:{running.port}/live"
    assert about["database_url"].startswith("postgresql://headcount:")
    assert about["pid"] == running.process.pid
    assert len(about["service_token"]) >= 32


def test_a_new_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    said = refused(tmp_path / "new", free_port(), DATABASE_URL="nonsense")
    assert "DATABASE_URL is not of the form" in said
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_files_with_secrets_are_for_their_owner_only(running: Running) -> None:
    secret = ("run.json", "service-token", "ticket-secret", "page-key", "postgres/password")
    assert {(running.folder / name).stat().st_mode & 0o777 for name in secret} == {0o600}


def test_it_answers_on_the_loopback_address(running: Running) -> None:
    socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE_SECONDS).close()


def test_the_database_password_is_never_printed(running: Running) -> None:
    assert (running.folder / "postgres" / "password").read_text() not in running.output()


def test_a_second_run_in_the_same_folder_is_refused(running: Running) -> None:
    said = refused(running.folder, free_port())
    assert f"127.0.0.1:{running.port}" in said
    assert str(running.process.pid) in said
    assert running.is_ready()


def test_a_port_in_use_is_refused_before_anything_starts(running: Running, tmp_path: Path) -> None:
    assert f"port {running.port}" in refused(tmp_path, running.port)
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_what_is_no_port_is_refused(port: str, tmp_path: Path) -> None:
    assert "a port is a number" in refused(tmp_path, port, lines=2)


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1"])
def test_a_wrong_port_of_the_environment_is_refused_by_its_name(port: str, tmp_path: Path) -> None:
    said = refused(tmp_path, None, PORT=port)
    assert said == (
        f"headcount: PORT in the environment: a port is a number from 1 to 65535, not {port!r}.\n"
    )


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refused(tmp_path / "file", free_port())
    assert said == f"headcount: {tmp_path / 'file'} is a file, and must be a folder.\n"
    (tmp_path / "postgres").touch()
    said = refused(tmp_path, free_port())
    assert said == f"headcount: {tmp_path / 'postgres'} is a file, and must be a folder.\n"


@pytest.mark.parametrize(("url", "reason"), WRONG_ADDRESSES)
def test_a_wrong_database_is_refused_without_its_password(
    url: str, reason: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, free_port(), DATABASE_URL=url)
    assert reason in said
    assert PASSWORD not in said


def test_a_database_that_refuses_us_is_named_as_such(tmp_path: Path) -> None:
    with Postgres(tmp_path / "other", durable=False) as dsn:
        role, _, place = dsn.partition("@")
        wrong = f"{role.rpartition(':')[0]}:{PASSWORD}@{place}"
        said = refused(tmp_path, free_port(), DATABASE_URL=wrong)
        assert "refuses this user or password" in said
        assert PASSWORD not in said
        said = refused(tmp_path, free_port(), DATABASE_URL=f"{dsn}_not_there")
        assert "has no database of this name" in said


def test_another_database_takes_the_place_of_the_embedded_one(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with (
        Postgres(tmp_path / "other", durable=False) as dsn,
        started(folder, DATABASE_URL=dsn) as running,
    ):
        assert running.about()["database_url"] == dsn
        assert not (folder / "postgres").exists()


def test_it_says_how_many_connections_it_holds_and_what_bounds_them(running: Running) -> None:
    [line] = [line for line in running.output().splitlines() if line.startswith("holds ")]
    assert int(line.split()[1]) > 0
    assert re.search("as (one node's open files allow|the memory allows)", line)


@pytest.mark.parametrize("nodes", ["0", "65", "two", "-1"])
def test_a_wrong_number_of_nodes_is_refused(nodes: str, tmp_path: Path) -> None:
    assert refused(tmp_path, free_port(), NODES=nodes) == (
        "headcount: NODES in the environment: "
        f"the number of nodes is from 1 to 64, or auto, not {nodes!r}.\n"
    )


def test_functions_have_a_role_that_may_do_little(running: Running) -> None:
    about = running.about()
    assert running.asks("/sessions?user_id=ann") == 200

    async def roles() -> set[str]:
        owner = await asyncpg.connect(about["database_url"])
        rows = await owner.fetch(
            "select usename from pg_stat_activity where datname = 'headcount'"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        await owner.close()
        return {row["usename"] for row in rows}

    assert asyncio.run(roles()) == {"headcount_functions"}


def test_ctrl_c_while_it_starts_leaves_nothing_behind(folder: Path) -> None:
    with launched(folder) as running:
        wait_until((folder / "postgres" / "log").exists)
        below = descendants(running.process.pid)
        running.interrupt()
        assert running.process.wait(PATIENCE_SECONDS) == 0
    wait_until(lambda: not any(map(is_alive, below)), "it left processes")
    assert not (folder / "run.json").exists()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_leaves_nothing_behind(times: int, folder: Path) -> None:
    with started(folder) as running:
        below = descendants(running.process.pid)
        for _ in range(times):
            running.interrupt()
        assert running.process.wait(PATIENCE_SECONDS) == 0
    assert below
    assert not any(map(is_alive, below))
    assert not (folder / "run.json").exists()
    assert "Traceback" not in running.output()


def test_sigterm_ends_it_as_ctrl_c_does(folder: Path) -> None:
    with started(folder) as running:
        running.process.terminate()
        assert running.process.wait(PATIENCE_SECONDS) == 0
    assert not (folder / "run.json").exists()


@pytest.mark.slow
def test_after_kill_9_the_next_run_starts_and_keeps_everything(folder: Path) -> None:
    with started(folder) as killed:
        token, below = killed.about()["service_token"], descendants(killed.process.pid)
        killed.process.kill()
        killed.process.wait()
        with started(folder) as running:
            assert running.about()["service_token"] == token
            wait_until(lambda: not any(map(is_alive, below)), "the killed run left processes")


def test_an_empty_secret_is_replaced(folder: Path) -> None:
    for name in ("service-token", "ticket-secret"):
        (folder / name).write_text("\n")
    with started(folder) as running:
        assert len(running.about()["service_token"]) >= 32
    assert len((folder / "ticket-secret").read_text().strip()) >= 32


def test_a_secret_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "service-token").mkdir()
    with Postgres(tmp_path / "other", durable=False) as dsn:
        said = refused(tmp_path, free_port(), DATABASE_URL=dsn)
    assert said == f"headcount: Cannot use {tmp_path / 'service-token'}: Is a directory.\n"


@pytest.mark.slow
def test_a_database_that_dies_is_started_again_with_the_same_address(folder: Path) -> None:
    with started(folder) as running:
        about = running.about()
        assert running.asks("/sessions?user_id=ann") == 200
        for times in (1, 2):
            os.kill(running.server(), signal.SIGKILL)
            wait_until(partial(running.has_said, "PostgreSQL answers again.", times))
            assert running.asks("/sessions?user_id=ann") == 200
        assert running.has_said("PostgreSQL ended with signal 9; it is started again.", 2)
        assert running.about() == about


@pytest.mark.slow
def test_a_database_that_does_not_stay_up_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        below = descendants(running.process.pid)
        (tmp_path / "postgres" / "data" / "postgresql.conf").write_text("no_such_setting = on\n")
        os.kill(running.server(), signal.SIGKILL)
        assert running.process.wait(PATIENCE_SECONDS) == 1
        last = running.output().splitlines()[-1]
    assert last.startswith("headcount: PostgreSQL does not stay up: ")
    assert "no_such_setting" in last
    assert "Traceback" not in running.output()
    assert not any(map(is_alive, below))


@pytest.mark.slow
def test_ctrl_c_is_heard_while_the_database_is_started_again(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        (tmp_path / "postgres" / "data" / "postgresql.conf").write_text("no_such_setting = on\n")
        os.kill(running.server(), signal.SIGKILL)
        wait_until(lambda: "it is started again" in running.output())
        running.interrupt()
        assert running.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in running.output()
