"""Run all of Headcount on this machine: `make run`, or `python localstack/run.py --help`.

PostgreSQL, the migrations, the local gateway with the functions of template.yaml, the demo page:
one port on 127.0.0.1, and one folder that keeps the database and the secrets from run to run.
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
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import asyncpg
import uvloop

from postgres import NoSpaceError, Postgres, PostgresError, no_space, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wsgate.restarts import Restarts

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
STAGE = "live"
SECRET_BYTES = 32
PAGE_KEY, PAGE_SCOPES = "demo-page", ("tickets", "read", "order", "kick")
ANSWER_TIMEOUT_SECONDS = 5  # of the database
LOOK_EVERY_SECONDS = 0.25  # whether PostgreSQL still runs
PAUSE_SECONDS = 1  # before it is started once more
STOP_TIMEOUT_SECONDS = 30
AUTO, MAX_NODES = "auto", 64
MEMORY_OF_THE_REST = 1500 * 1024 * 1024  # the database, the functions and the queues

EPILOG = """\
environment:
  PORT           the port, where --port is not given
  NODES          how many gateway nodes, where --nodes is not given
  DATABASE_URL   a PostgreSQL to use in place of the embedded one
  POSTGRES_BIN   a folder of PostgreSQL's programs to use in place of the wheel's

Ctrl-C and SIGTERM end it and everything it started, with exit code 0.
What keeps it from starting is one sentence and exit code 2.
PostgreSQL and the queue server are started again when they end by themselves; a PostgreSQL
that does not stay up is one sentence and exit code 1.
"""


@dataclass(frozen=True)
class Place:
    """Where a run is: its folder and port, and behind how many nodes."""

    folder: Path
    port: int
    nodes: int | str


class StartupError(Exception):
    """Headcount cannot start; the message is a sentence for a person and holds no secret."""


class DatabaseDownError(Exception):
    """PostgreSQL does not stay up; the message is a sentence for a person."""


def main() -> int:
    """Run until stopped: 0. With a sentence: 1 if PostgreSQL is down, 2 if it cannot start."""
    options = _options()
    for sign in _stop_signals():
        signal.signal(sign, signal.default_int_handler)
    try:
        port = options.port or _of_environment("PORT", _port, "8080")
        nodes = options.nodes or _of_environment("NODES", _nodes, "1")
        with (
            _claimed(options.folder, port) as folder,
            _database(folder) as database,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(_run(Place(folder, port, nodes), database))
    except KeyboardInterrupt:
        return 0
    except (DatabaseDownError, StartupError) as problem:
        print(f"headcount: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, StartupError) else 1
    return 0


async def _run(place: Place, database: Database) -> None:
    """Serve until a signal comes. The end has a bound, and further signals do not disturb it."""
    stop = asyncio.Event()
    signals = _stop_signals()
    for sign in signals:
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    keeping = asyncio.create_task(_keep(database))
    serving = asyncio.create_task(_serve(place, database))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({keeping, serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for ended in (serving, keeping):
            if ended.done():
                ended.result()
    finally:
        _exit_within(STOP_TIMEOUT_SECONDS)
        (place.folder / "run.json").unlink(missing_ok=True)
        for task in (stopping, keeping, serving):
            task.cancel()
        await asyncio.wait({keeping, serving})
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


async def _serve(place: Place, database: Database) -> None:
    apps = os.environ.get("APPS") or ""
    functions_dsn = await _migrate(database, apps)
    page_key = await _page_key(place.folder, database)
    # Imported late, so that other errors are reported before the gateway is loaded.
    from wsgate import serve as gateway  # noqa: PLC0415

    folder, address = place.folder, f"{HOST}:{place.port}"
    nodes, holds = _capacity(place.nodes)
    token = _kept_secret(folder / "service-token")
    options = gateway.Options(
        template=ROOT / "template.yaml",
        port=place.port,
        host=HOST,
        nodes=nodes,
        parameters={
            "DatabaseUrl": functions_dsn,
            "TicketSecret": _kept_secret(folder / "ticket-secret"),
            "ServiceToken": token,
            "Apps": apps,
            "PushEndpoint": f"http://{address}/{STAGE}",
            "SocketUrl": f"ws://{address}/{STAGE}",
            "WebhookTargets": "any",  # a receiver of yours on this machine
        },
        pages={"/": ROOT / "pages", "/client": ROOT / "client"},
        # The client runs in sandboxed frames, too, which have no origin. A ticket or a key guards
        # all that they find here.
        hosts=("null",),
        log=_say,
    )

    def ready(at: gateway.Addresses) -> None:
        about = {
            "base_url": f"http://{address}",
            "websocket_url": f"ws://{address}/{STAGE}",
            "service_token": token,
            "page_key": page_key,
            "database_url": database.dsn,
            "pid": os.getpid(),
        }
        try:
            write_private(folder / "run.json", json.dumps(about, indent=2) + "\n")
        except OSError as error:
            raise StartupError(f"Cannot write {folder / 'run.json'}: {error.strerror}.") from error
        _greet(address, page_key, folder, holds(at.connections))

    try:
        await gateway.serve_at(options, ready)
    except gateway.StartupError as error:
        raise StartupError(str(error)) from error


# Before anything runs.


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    folder = ROOT / ".headcount"
    parser.add_argument("--port", type=_port, help="default: $PORT or 8080")
    parser.add_argument(
        "--folder", type=Path, default=folder, help="what is kept lives here; default: .headcount"
    )
    parser.add_argument(
        "--nodes",
        type=_nodes,
        metavar="N|auto",
        help="gateway processes, each with as many connections as a process may open files; "
        "`auto` is as many as this machine's memory needs; default: $NODES or 1",
    )
    return parser.parse_args()


def _port(text: str) -> int:
    if text.isdecimal() and len(text) < 6 and 1 <= int(text) <= 65535:  # noqa: PLR2004
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")


def _nodes(text: str) -> int | str:
    if text == AUTO:
        return AUTO
    if text.isdecimal() and len(text) < 3 and 1 <= int(text) <= MAX_NODES:  # noqa: PLR2004
        return int(text)
    raise argparse.ArgumentTypeError(
        f"the number of nodes is from 1 to {MAX_NODES}, or auto, not {text!r}"
    )


def _of_environment(name: str, read: Callable[[str], T], default: str) -> T:
    try:
        return read(os.environ.get(name) or default)
    except argparse.ArgumentTypeError as error:
        raise StartupError(f"{name} in the environment: {error}.") from None


@contextlib.contextmanager
def _claimed(folder: Path, port: int) -> Iterator[Path]:
    """Hold the folder for this run: a lock on the directory itself, so that nothing stays of it."""
    if folder.is_file():
        raise StartupError(f"{folder} is a file, and must be a folder.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StartupError(f"Cannot use the folder {folder}: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(_who_runs(folder)) from None
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
        raise StartupError(
            f"Cannot listen on port {port}: {os.strerror(error.errno or 0)}. "
            "Another port: `PORT=8081 make run`."
        ) from error


# How many connections.


def _capacity(wanted: int | str) -> tuple[int, Callable[[int], str]]:
    """The number of nodes, and the words for how many connections they hold and why."""
    from wsgate.doctor import machine, sums  # noqa: PLC0415

    seen, needs = machine.look(), sums.Needs(connections=1, memory=MEMORY_OF_THE_REST)
    fitting = sums.fitting_nodes(seen, needs)
    nodes = fitting if wanted == AUTO else int(wanted)

    def holds(by_files: int) -> str:
        by_memory = sums.memory_holds(seen, needs, nodes)
        if by_memory is not None and by_memory < by_files:
            return f"{by_memory} connections at once, as the memory allows"
        bound = "one node's open files allow" if nodes == 1 else f"the files of {nodes} nodes allow"
        more = "; NODES=auto holds more" if nodes < fitting else ""
        return f"{by_files} connections at once, as {bound}{more}"

    return nodes, holds


# The database.


@dataclass(frozen=True)
class Database:
    """Where the database is, and the server to look after if it is ours."""

    dsn: str
    place: str
    server: Postgres | None = None


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[Database]:
    if given := os.environ.get("DATABASE_URL"):
        yield Database(given, "DATABASE_URL")
        return
    postgres = Postgres(folder / "postgres")
    try:
        dsn = postgres.start()
    except PostgresError as error:
        raise StartupError(str(error)) from error
    try:
        yield Database(dsn, str(postgres.folder), postgres)
    finally:
        postgres.stop()


async def _keep(database: Database) -> None:
    """Restart our server when it ends by itself. Raises DatabaseDownError if that fails."""
    from wsgate.restarts import Restarts  # noqa: PLC0415

    restarts = Restarts()
    while True:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        if database.server and (how := database.server.ended()):
            _say(f"headcount: PostgreSQL ended {how}; it is started again.")
            await _restart(database.server, f"it ended {how}", restarts)
            _say("headcount: PostgreSQL answers again.")


async def _restart(server: Postgres, problem: str, restarts: Restarts) -> None:
    from wsgate.threads import in_thread  # noqa: PLC0415

    while restarts.allow(time.monotonic()):
        try:
            return await in_thread(server.restart)
        except NoSpaceError as error:
            await _wait_for_space(server, error)
            return None
        except PostgresError as error:
            problem = _one_line(error).rstrip(".")
            await asyncio.sleep(PAUSE_SECONDS)
    raise DatabaseDownError(f"PostgreSQL does not stay up: {problem}.")


async def _wait_for_space(server: Postgres, problem: NoSpaceError) -> None:
    """Try until there is room: giving up would help no one, and a full disk can be mended."""
    from wsgate.threads import in_thread  # noqa: PLC0415

    _say(f"headcount: {_one_line(problem)} It starts by itself when there is room.")
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        with contextlib.suppress(NoSpaceError):
            return await in_thread(server.restart)


async def _migrate(database: Database, apps: str) -> str:
    """Bring the databases of all apps up to date; return main's DSN for functions, whose role may
    do little.
    """
    from handlers.core.apps import MAIN, BadApps, database_of, read_apps  # noqa: PLC0415
    from sql.databases import make_database  # noqa: PLC0415
    from sql.migrate import (  # noqa: PLC0415
        MigrationError,
        Unreachable,
        check,
        migrate,
        set_time_outs,
    )
    from sql.roles import let_functions_log_in  # noqa: PLC0415

    try:
        await check(database.dsn, ANSWER_TIMEOUT_SECONDS, database.place)
        for app in read_apps(apps):
            dsn = database_of(database.dsn, app)
            if app != MAIN:
                await make_database(database.dsn, dsn)
            await migrate(dsn)
            await set_time_outs(dsn)
        if database.server is None:
            return database.dsn  # the operator of this database says who may what
        return await let_functions_log_in(database.dsn, secrets.token_urlsafe(SECRET_BYTES))
    except BadApps as error:
        raise StartupError(f"APPS in the environment: {error}") from None
    except Unreachable as error:
        raise StartupError(str(error)) from None
    except (MigrationError, OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
        if database.server and database.server.lacks_space():
            raise StartupError(no_space(database.server.folder)) from error
        raise StartupError(f"The migrations failed: {_one_line(error)}") from error


async def _page_key(folder: Path, database: Database) -> str:
    """The demo page's token, with the scopes that it needs. The database may be another each time.

    Raises StartupError.
    """
    from handlers.services import keys  # noqa: PLC0415

    path = folder / "page-key"
    token = _kept_secret(path, keys.new_token)
    try:
        key = keys.key_of(token, PAGE_KEY, PAGE_SCOPES)
    except ValueError as error:
        raise StartupError(f"{path} does not hold a service key; delete it.") from error
    connection = await asyncpg.connect(database.dsn, timeout=ANSWER_TIMEOUT_SECONDS)
    try:
        await connection.execute(
            "delete from service_keys where name = $1 and key_id <> $2", key.name, key.key_id
        )
        await connection.execute(
            "select create_service_key($1, $2, $3, $4)", key.key_id, key.name, key.scopes, key.hash
        )
    finally:
        await connection.close()
    return token


# Small things.


def _new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def _kept_secret(path: Path, make: Callable[[], str] = _new_secret) -> str:
    """The secret in this file, made at the first run; an empty one is none."""
    try:
        with contextlib.suppress(FileNotFoundError):
            if kept := path.read_text().strip():
                return kept
        write_private(path, make() + "\n")
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StartupError(f"Cannot use {path}: {reason}.") from error


def _greet(address: str, token: str, folder: Path, holds: str) -> None:
    _say(
        f"""
Headcount is ready. Open

    http://{address}/#token={token}

operator  http://{address}/operator.html#token={token}
HTTP API  http://{address}/docs
gateway   http://{address}/_wsgate
kept in   {folder}
holds     {holds}
stop      Ctrl-C
"""
    )


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    # The folder localstack/wsgate beside this file would otherwise pass for the package `wsgate`.
    sys.path[:0] = [str(ROOT), str(ROOT / "localstack" / "wsgate" / "src")]
    sys.exit(main())
