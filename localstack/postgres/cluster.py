"""The database on disk: made whole beside its place, then moved there; completed if it is not."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postgres.account import account_for, run_as
from postgres.binaries import NoSpaceError, PostgresError
from postgres.files import sync, write, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from postgres.account import Account
    from postgres.binaries import Binaries

NAME = "headcount"  # of the database, and of the role that owns it
NEEDED_MEGABYTES = 100
"""A new database takes 47 on disk, and its log of changes grows with the first use."""

COMPLETE = "headcount.complete"
"""A file among the data: what it lies beside has been verified."""


@dataclass(frozen=True)
class Cluster:
    """A folder with the data of a server, and the password of its owner."""

    folder: Path
    binaries: Binaries
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password(self) -> Path:
        return self.folder / "password"

    def ensure(self) -> None:
        """Make what is missing: all of it, the database in it, or the password.

        Data that are there stay. No server may run on them. Raises PostgresError.
        """
        self._refuse_other_version()
        if not self.data.exists() or not any(self.data.iterdir()):
            self._create()
            return
        account = account_for(self.data, self.binaries)
        if not (self.data / COMPLETE).exists():
            self._complete(self.data, account)
        if not _is_text(self.password):
            self._give_new_password(account)

    def _refuse_other_version(self) -> None:
        try:
            major = int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return
        if major != self.binaries.major:
            raise PostgresError(
                f"The data in {self.data} were written by PostgreSQL {major} and "
                f"{self.binaries.folder} is {self.binaries.major}: move the folder away, or name "
                "the older one in POSTGRES_BIN."
            )

    def _create(self) -> None:
        """Build it beside its final place: a half-made one is never mistaken for data."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        if shutil.disk_usage(self.folder).free < NEEDED_MEGABYTES * 1_000_000:
            raise NoSpaceError
        fresh.mkdir(mode=0o700)
        try:
            account = account_for(fresh, self.binaries)
            password = secrets.token_urlsafe(24)
            write_private(self.password, password)
            self._initdb(fresh, account, password)
            self._complete(fresh, account)
            fresh.rename(self.data)
            sync(self.folder)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)  # what is half made takes room, too
            raise

    def _initdb(self, data: Path, account: Account, password: str) -> None:
        handed_over = self.folder / "password.new"
        write_private(handed_over, password, account)
        initdb = [self.binaries.tool("initdb"), "-D", str(data), f"--username={NAME}"]
        initdb += ["--auth=scram-sha-256", f"--pwfile={handed_over}", "--locale=C"]
        initdb += ["--encoding=UTF8", *([] if self.durable else ["--no-sync"])]
        try:
            run_as(account, initdb)
        finally:
            handed_over.unlink()

    def _complete(self, data: Path, account: Account) -> None:
        """Make the database unless it is there, open it, and note that all is well."""
        try:
            self._alone(data, account, NAME, "SELECT 1;")
        except PostgresError as error:
            if f'database "{NAME}" does not exist' not in str(error):
                raise
            self._alone(data, account, "postgres", f"CREATE DATABASE {NAME};")
            self._alone(data, account, NAME, "SELECT 1;")
        write(data / COMPLETE, "", account)

    def _give_new_password(self, account: Account) -> None:
        """Replace a password that was lost. Its file comes last, so that this may happen twice."""
        password = secrets.token_urlsafe(24)
        self._alone(self.data, account, NAME, f"ALTER ROLE {NAME} PASSWORD '{password}';")
        write_private(self.password, password)

    def _alone(self, data: Path, account: Account, database: str, statement: str) -> None:
        """Run a statement without a server, and end at the first error."""
        postgres = [self.binaries.tool("postgres"), "--single", "-D", str(data)]
        postgres += ["-c", "exit_on_error=on", "-c", f"fsync={'on' if self.durable else 'off'}"]
        run_as(account, [*postgres, database], f"{statement}\n".encode())


def _is_text(path: Path) -> bool:
    try:
        return bool(path.read_text().strip())
    except FileNotFoundError:
        return False
