"""The user that PostgreSQL runs as: it refuses root, and containers like to be root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from postgres.binaries import Binaries, NoSpaceError, PostgresError, is_no_space

if TYPE_CHECKING:
    from collections.abc import Iterator


ERRORS = (" ERROR:  ", " FATAL:  ", " PANIC:  ")


@dataclass(frozen=True)
class Account:
    """A user who may own the data; `prefix` is the command that puts root into that role."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def popen(
        self,
        command: list[str],
        *,
        stdin: int,
        stdout: int | IO[bytes],
        stderr: int | IO[bytes],
    ) -> subprocess.Popen[bytes]:
        """Start `command` as this user, out of reach of the terminal's Ctrl-C."""
        # The variables of libpq would otherwise decide in place of our arguments; without a
        # locale macOS starts a thread inside the server, which then refuses to run.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        other = self.uid != os.geteuid() and not self.prefix
        return subprocess.Popen(  # noqa: S603 - our own command
            [*self.prefix, *command],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            env=environment | {"LC_ALL": "C"},
            start_new_session=True,
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=[] if other else None,
        )


def account_for(data: Path, binaries: Binaries) -> Account:
    """The first user who can write `data` and run the binaries; owner of `data` from then on."""
    for account in _accounts(data.stat().st_uid):
        _hand_over(data, account)
        reach = 'test -w "$1" && exec "$2" --version'
        command = ["/bin/sh", "-c", reach, "sh", str(data), binaries.tool("postgres")]
        with contextlib.suppress(PostgresError):
            run_as(account, command)
            return account
    raise PostgresError(
        f"PostgreSQL does not run as root, and no other user reaches both {data} and "
        f"{binaries.folder}: run as an ordinary user, or give a server in DATABASE_URL."
    )


def _accounts(owner: int) -> Iterator[Account]:
    """The users that may run the server. PostgreSQL refuses root, so root runs it as another user.

    Existing data keeps its owner. For new data a user namespace comes first: files stay root's,
    and it works below folders that are closed to others. Many containers forbid namespaces. Then
    it is the system's unprivileged user, which may need one capability of root to get through
    folders like /root.
    """
    if os.geteuid() != 0:
        yield Account(os.geteuid(), os.getegid())
        return
    with contextlib.suppress(KeyError):
        if owner != 0:
            yield Account(owner, pwd.getpwuid(owner).pw_gid)
    try:
        unprivileged = pwd.getpwnam("nobody")  # it must exist: the server looks up its own name
    except KeyError:
        return
    if unshare := shutil.which("unshare"):
        mapping = (f"--map-user={unprivileged.pw_uid}", f"--map-group={unprivileged.pw_gid}")
        yield Account(0, 0, (unshare, "--user", *mapping, "--"))
    yield Account(unprivileged.pw_uid, unprivileged.pw_gid)
    if setpriv := shutil.which("setpriv"):
        identity = (
            f"--reuid={unprivileged.pw_uid}",
            f"--regid={unprivileged.pw_gid}",
            "--clear-groups",
        )
        passage = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        yield Account(
            unprivileged.pw_uid, unprivileged.pw_gid, (setpriv, *identity, *passage, "--")
        )


def _hand_over(path: Path, account: Account) -> None:
    """Change the owner of the data folder and of nothing above it."""
    if path.stat().st_uid == account.uid:
        return
    for folder, _, files in os.walk(path):
        for each in (folder, *(os.path.join(folder, name) for name in files)):  # noqa: PTH118
            os.chown(each, account.uid, account.gid, follow_symlinks=False)


def run_as(account: Account, command: list[str], stdin: bytes = b"") -> None:
    """Run a program to its end; PostgresError carries the last lines of what it said."""
    pipe = subprocess.PIPE
    try:
        process = account.popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)
    except OSError as error:
        raise PostgresError(f"Cannot run {command[0]}: {error.strerror}.") from error
    with process:
        try:
            output, _ = process.communicate(stdin)
        finally:
            process.kill()  # does nothing to one that has ended, only to one that Ctrl-C met
    if process.returncode:
        said = output.decode(errors="replace")
        kind = NoSpaceError if is_no_space(said) else PostgresError
        raise kind(f"{Path(command[0]).name} failed: {_what_matters(said)}")


def _what_matters(said: str) -> str:
    """The lines with errors, or the last ones."""
    lines = said.split("\n")
    errors = [line for line in lines if any(word in line for word in ERRORS)]
    return " ".join(errors or lines[-4:]).strip()
