"""A PostgreSQL that archives its log of changes, and what is restored from that and from a dump."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import asyncpg

from postgres import Postgres, find_binaries
from tests.support.waiting import until_answered

if TYPE_CHECKING:
    from pathlib import Path

POINT = "before the future that is lost"


class Archiving:
    """A server of which a base backup and an archive are kept, as of any that can be restored."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Postgres(folder / "first", durable=False)
        self.archive, self.backup, self.dump = (folder / name for name in ("log", "base", "dump"))
        self.dsn = ""

    async def start(self) -> str:
        self.archive.mkdir()
        self.archive.chmod(0o777)  # the server may have a user of its own
        dsn = self.server.start()
        await _run(
            dsn,
            "alter system set archive_mode = on",
            f"alter system set archive_command = 'cp %p {self.archive}/%f'",
        )
        self.server.stop()
        self.dsn = self.server.start()
        return self.dsn

    def back_up(self) -> None:
        _tool("pg_basebackup", "-d", self.dsn, "-D", str(self.backup), "-X", "none", "-c", "fast")

    async def note_point(self) -> None:
        """Up to here it can be restored; a dump is taken as well."""
        _tool("pg_dump", "-Fc", "-f", str(self.dump), self.dsn)
        db = await asyncpg.connect(self.dsn)
        await db.execute("select pg_create_restore_point($1)", POINT)
        last = await db.fetchval("select pg_walfile_name(pg_switch_wal())")

        async def is_archived() -> bool:
            done = await db.fetchval("select last_archived_wal from pg_stat_archiver")
            return bool(done and done >= last)

        await until_answered(is_archived)
        await db.close()

    def recovered(self) -> Postgres:
        """The server as it was at the point, on another timeline."""
        folder = self.folder / "recovered"
        folder.mkdir()
        data = self.backup.rename(folder / "data")
        (data / "recovery.signal").touch()
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(
                f"archive_mode = off\nrestore_command = 'cp {self.archive}/%f %p'\n"
                f"recovery_target_name = '{POINT}'\nrecovery_target_action = 'promote'\n"
            )
        (self.server.folder / "password").rename(folder / "password")
        return Postgres(folder, durable=False)

    async def loaded(self) -> Postgres:
        """Another cluster, with the dump and nothing else; its owner has the same password."""
        password = (self.server.folder / "password").read_text()
        server = Postgres(self.folder / "loaded", durable=False)
        dsn = server.start()
        tables = ["-d", dsn, "--single-transaction", "--no-privileges", str(self.dump)]
        _tool("pg_restore", *tables)
        await _run(dsn, f"alter role headcount password '{password}'")
        server.stop()
        server.folder.joinpath("password").write_text(password)
        return server


async def _run(dsn: str, *statements: str) -> None:
    db = await asyncpg.connect(dsn)
    for statement in statements:
        await db.execute(statement)
    await db.close()


def _tool(name: str, *arguments: str) -> None:
    """A program of PostgreSQL's."""
    done = subprocess.run(
        [find_binaries().tool(name), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
