"""Run all of Headcount on this machine: `make run`, or `python localstack/run.py --help`.

PostgreSQL, the migrations, the local gateway with the functions of template.yaml, the demo page:
one port on 127.0.0.1, and one folder that keeps the database and two secrets from run to run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import uvloop

from postgres import Postgres, PostgresError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
STAGE = "live"
SECRET_BYTES = 32
ANSWER_WITHIN_SECONDS = 5  # of the database in DATABASE_URL
STOP_WITHIN_SECONDS = 30

EPILOG = """\
environment:
  PORT           the port, where --port is not given
  DATABASE_URL   a PostgreSQL to use in place of the embedded one
  POSTGRES_BIN   a folder of PostgreSQL's programs to use in place of the wheel's

Ctrl-C and SIGTERM end it and everything it started, with exit code 0.
What keeps it from starting is one sentence and exit code 2.
"""


class Refusal(Exception):
    """Headcount cannot run; the message is a sentence for a person and holds no secret."""


def main() -> int:
    """Run until told to stop: 0 when stopped, 2 when refused with a sentence on stderr."""
    options = _options()
    for sign in _stop_signals():
        signal.signal(sign, signal.default_int_handler)
    try:
        with (
            _claimed(options.folder, options.port) as folder,
            _database(folder) as dsn,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(_run(folder, options.port, dsn))
    except KeyboardInterrupt:
        return 0
    except Refusal as refusal:
        print(f"headcount: {refusal}", file=sys.stderr)
        return 2
    return 0


async def _run(folder: Path, port: int, dsn: str) -> None:
    """Serve until a signal comes. The end has a bound, and further signals do not disturb it."""
    stop = asyncio.Event()
    signals = _stop_signals()
    for sign in signals:
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    serving = asyncio.create_task(_serve(folder, port, dsn))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        _exit_within(STOP_WITHIN_SECONDS)
        (folder / "run.json").unlink(missing_ok=True)
        stopping.cancel()
        serving.cancel()
        await asyncio.wait({serving})
        for sign in signals:
            asyncio.get_running_loop().remove_signal_handler(sign)
            signal.signal(sign, signal.SIG_IGN)


def _stop_signals() -> list[signal.Signals]:
    """What ends a run; a closed terminal too, unless `nohup` asked to outlive it."""
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM] + [signal.SIGHUP] * (not outlives)


def _exit_within(seconds: float) -> None:
    """The last resort: what we started ends with us, so leaving is always possible."""
    last_resort = threading.Timer(seconds, os._exit, [1])
    last_resort.daemon = True
    last_resort.start()


async def _serve(folder: Path, port: int, dsn: str) -> None:
    await _migrate(dsn)
    # Imported late: what keeps us from running is said before the gateway is loaded.
    from wsgate.serve import Options, Refused, serve  # noqa: PLC0415

    address = f"{HOST}:{port}"
    token = _kept_secret(folder / "service-token")
    options = Options(
        template=ROOT / "template.yaml",
        port=port,
        host=HOST,
        parameters={
            "DatabaseUrl": dsn,
            "TicketSecret": _kept_secret(folder / "ticket-secret"),
            "ServiceToken": token,
            "PushEndpoint": f"http://{address}/{STAGE}",
            "SocketUrl": f"ws://{address}/{STAGE}",
        },
        pages=ROOT / "client",
        log=_say,
    )

    def ready() -> None:
        about = {
            "base_url": f"http://{address}",
            "websocket_url": f"ws://{address}/{STAGE}",
            "service_token": token,
            "database_url": dsn,
            "pid": os.getpid(),
        }
        _write_private(folder / "run.json", json.dumps(about, indent=2) + "\n")
        _greet(address, token, folder)

    try:
        await serve(options, ready)
    except Refused as refused:
        raise Refusal(str(refused)) from refused


# Before anything runs.


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    port, folder = os.environ.get("PORT") or "8080", ROOT / ".headcount"
    parser.add_argument("--port", type=_port, default=port, help="default: 8080")
    parser.add_argument(
        "--folder", type=Path, default=folder, help="what is kept lives here; default: .headcount"
    )
    return parser.parse_args()


def _port(text: str) -> int:
    if text.isdecimal() and len(text) < 6 and 1 <= int(text) <= 65535:  # noqa: PLR2004
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")


@contextlib.contextmanager
def _claimed(folder: Path, port: int) -> Iterator[Path]:
    """Hold the folder for this run: a lock on the directory itself, so that nothing stays of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise Refusal(f"Cannot use the folder {folder}: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(_who_runs(folder)) from None
        (folder / "run.json").unlink(missing_ok=True)  # of a run that was killed
        _refuse_taken(port)
        yield folder.resolve()
    finally:
        os.close(descriptor)


def _who_runs(folder: Path) -> str:
    try:
        run = json.loads((folder / "run.json").read_text())
        return f"Already running here: {run['base_url']} (pid {run['pid']})."
    except (OSError, ValueError, KeyError):
        return f"Another run in {folder} is just starting or stopping; try again in a moment."


def _refuse_taken(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise Refusal(
            f"Cannot listen on port {port}: {os.strerror(error.errno or 0)}. "
            "Another port: `PORT=8081 make run`."
        ) from error


# The database.


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[str]:
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    postgres = Postgres(folder / "postgres")
    try:
        dsn = postgres.start()
    except PostgresError as error:
        raise Refusal(str(error)) from error
    try:
        yield dsn
    finally:
        postgres.stop()


async def _migrate(dsn: str) -> None:
    from sql.migrate import MigrationError, migrate  # noqa: PLC0415

    await _check(dsn)
    try:
        await migrate(dsn)
    except (MigrationError, asyncpg.PostgresError) as error:
        raise Refusal(f"The migrations failed: {_one_line(error)}") from error


async def _check(dsn: str) -> None:
    """Refuse a database that does not answer, without repeating any part of its address.

    An address with a mistake in it can show its password in the place of a host.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=ANSWER_WITHIN_SECONDS)
        await connection.close()
    except (OSError, ValueError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        raise Refusal(f"The database in DATABASE_URL {_what_is_wrong(error)}.") from None


def _what_is_wrong(error: Exception) -> str:
    known = {
        asyncpg.InvalidPasswordError: "refuses this user or password",
        asyncpg.InvalidAuthorizationSpecificationError: "refuses this user or password",
        asyncpg.InvalidCatalogNameError: "has no database of this name",
        asyncpg.PostgresError: f"answers with an error: {_one_line(error)}",
        TimeoutError: f"does not answer within {ANSWER_WITHIN_SECONDS} seconds",
        socket.gaierror: "cannot be reached: its host name is not known",
        OSError: "cannot be reached: nothing answers at its host and port",
    }
    no_address = "has no address of the form postgresql://user:password@host:port/name"
    return next((known[kind] for kind in type(error).__mro__ if kind in known), no_address)


# Small things.


def _kept_secret(path: Path) -> str:
    """The secret in this file, made at the first run."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    _write_private(path, secrets.token_urlsafe(SECRET_BYTES) + "\n")
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, and that is there whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _greet(address: str, token: str, folder: Path) -> None:
    _say(
        f"""
Headcount is ready. Open

    http://{address}/#token={token}

HTTP API  http://{address}/docs
kept in   {folder}
stop      Ctrl-C
"""
    )


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
