"""A full disk, at each step of a first start and later: said in a sentence, and over with room."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg
import pytest

from bench.support.ports import free_port
from postgres import NoSpaceError, Postgres, PostgresError
from tests.support.runs import refused, started
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ROOMY = 400_000  # KB
# Where PostgreSQL 18 stops: in initdb's two phases, in CREATE DATABASE, at the checkpoint after it,
# at the server's start. The figures need not be exact: whatever a size stops, the rest holds.
SIZES = [10_000, 30_000, 38_000, 39_500, 40_500, 42_000, 44_000, 46_120, 46_330, 46_400]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which `resize` makes smaller or larger."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={ROOMY}k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    yield place
    subprocess.run(["/bin/umount", "--lazy", str(place)], check=True)


def resize(disk: Path, kilobytes: int) -> None:
    remount = ["/bin/mount", "-o", f"remount,size={kilobytes}k", str(disk)]
    subprocess.run(remount, check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """A file takes all the room there is, and what becomes free meanwhile."""
    filler, is_over = disk / "filler", threading.Event()

    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            while not is_over.is_set():
                with suppress(OSError):
                    file.write(b"." * 4096)

    filling = threading.Thread(target=fill)
    filling.start()
    wait_until(lambda: shutil.disk_usage(disk).free == 0)
    try:
        yield
    finally:
        is_over.set()
        filling.join()
        filler.unlink()


@pytest.mark.parametrize("kilobytes", SIZES)
async def test_a_first_start_that_a_full_disk_stopped_succeeds_with_room(
    disk: Path, kilobytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postgres.cluster.NEEDED_MEGABYTES", 0)  # so that it begins at all
    resize(disk, kilobytes)
    server = Postgres(disk / "postgres")
    try:
        dsn = server.start()
    except PostgresError as error:
        assert isinstance(error, NoSpaceError)
        assert "There is no space left" in str(error)
    else:
        await ask(dsn)
    server.stop()
    resize(disk, ROOMY)
    with server as dsn:
        await ask(dsn)


def test_a_run_without_room_says_how_much_it_needs(disk: Path) -> None:
    resize(disk, 60_000)
    said = refused(disk, free_port())
    assert "There is no space left for the database" in said
    assert "Free 100 MB there" in said


def test_a_database_that_a_full_disk_keeps_down_comes_back_with_room(
    disk: Path, tmp_path: Path
) -> None:
    folder = disk / "run"
    folder.mkdir()
    (folder / "output").symlink_to(tmp_path / "output")  # it is to say why, on another disk
    with started(folder) as running:
        assert running.asks("/sessions?user_id=ann") == 200
        with filled(disk):
            os.kill(running.server(), signal.SIGKILL)
            wait_until(lambda: "It starts by itself when there is room." in running.output())
            assert running.process.poll() is None
        wait_until(lambda: "PostgreSQL answers again." in running.output())
        assert running.asks("/sessions?user_id=ann") == 200
    assert "Traceback" not in running.output()


async def ask(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("select 1") == 1
    await connection.close()
