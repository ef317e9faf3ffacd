"""The system of a run: PostgreSQL, the gateway with its nodes, the functions of template.yaml."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import random
import secrets
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from bench.load.line import OwnDoor
from bench.load.tally import Wrong
from bench.load.waiting import until_none
from bench.support.gateways import ROOT, Gateway, gateway
from bench.support.ports import free_port
from postgres import Postgres
from sql.migrate import migrate
from sql.roles import let_functions_log_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench.load.options import Options

T = TypeVar("T")

ANSWER_SECONDS = 300.0
BUSY = {429, 502, 503, 504}
BUSY_SECONDS = 600.0
TOO_SLOW = {"Unavailable", "Sandbox.Timedout"}
"""Errors of a function that was given too little time: the next run goes on with its work."""
POOL = 4


class Down(Exception):
    """The system ended in mid-run; the message is a sentence."""


class OwnSystem:
    """All of it on this machine, in a folder that is gone afterwards."""

    def __init__(self, folder: Path, options: Options, nodes: int) -> None:
        self._folder, self._options, self._nodes = folder, options, nodes
        self._stack = contextlib.ExitStack()
        self._running = contextlib.ExitStack()
        self._postgres = Postgres(folder / "postgres")
        self.secret, self.token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.port = free_port()
        self.log = folder / "gateway.log"
        self._gateway: Gateway | None = None
        self._is_meant_to_run = False
        self.failures: list[str] = []
        """What functions failed with that were run by us."""
        self.too_slow = 0
        """How many of them ran out of time."""
        self._under_way: set[asyncio.Future[Any]] = set()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.door = OwnDoor(self.port, self.secret)

    async def start(self) -> None:
        """Start the database and the gateway, without quotas."""
        dsn = await self._in_thread(self._stack.enter_context, self._postgres)
        await migrate(dsn)
        self._functions_dsn = await let_functions_log_in(dsn, secrets.token_urlsafe(32))
        self.database = await asyncpg.create_pool(dsn, min_size=1, max_size=POOL)
        await self.start_gateway()

    async def start_gateway(self, *, quota: int | None = None) -> None:
        """Start the gateway on its port; `quota` refuses more new connections a second."""
        environment = {
            "WSGATE_PARAMETER_DatabaseUrl": self._functions_dsn,
            "WSGATE_PARAMETER_TicketSecret": self.secret,
            "WSGATE_PARAMETER_ServiceToken": self.token,
        }
        running = gateway(
            *gateway_arguments(self._options, self._nodes, quota),
            template=ROOT / "template.yaml",
            environment=environment,
            log=self.log,
            port=self.port,
        )
        try:
            self._gateway = await self._in_thread(self._running.enter_context, running)
        except SystemExit as ended:
            raise Down(f"The gateway did not start: {self._last_words()}") from ended
        self._is_meant_to_run = True

    def nodes(self) -> list[int]:
        """The processes of the nodes that run."""
        return self._gateway.nodes if self._gateway else []

    def kill_node(self) -> None:
        """End one node as a machine does that loses its power."""
        os.kill(random.choice(self.nodes()), signal.SIGKILL)  # noqa: S311 not a secret

    async def kill_gateway(self) -> None:
        """End the gateway like that, with all its nodes and functions."""
        assert self._gateway
        self._is_meant_to_run = False
        self._gateway.kill()
        await asyncio.to_thread(self._running.close)

    def ended(self) -> str | None:
        """What ended that should run, in a sentence."""
        if how := self._postgres.ended():
            return f"PostgreSQL ended {how}."
        if self._is_meant_to_run and self._gateway and not _is_alive(self._gateway.pid):
            return f"The gateway ended by itself: {self._last_words()}"
        return None

    async def close(self) -> None:
        """End all of it."""
        self._is_meant_to_run = False
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await asyncio.to_thread(self._running.close)
        if hasattr(self, "database"):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.database.close(), ANSWER_SECONDS)
        await asyncio.to_thread(self._stack.close)

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer of the HTTP API. Raises OSError."""
        return await ask(self.base_url, self.token, method, path, body)

    async def run_sweep(self) -> None:
        """Run the sweep, as its schedule does; if it fails, `failures` says so. Raises OSError."""
        path = "/2015-03-31/functions/SweepFunction/invocations"
        answer = await self.ask("POST", path, {})
        if answer.get("errorType") in TOO_SLOW:
            self.too_slow += 1
        elif "errorMessage" in answer:
            self.failures.append(answer["errorMessage"])

    async def sweep(self, cycles: int) -> list[Wrong]:
        """Run the sweep to the end of a cycle, as often."""
        left = cycles

        async def cycles_left() -> int:
            nonlocal left
            await self.run_sweep()
            left -= int(await self.database.fetchval("select is_listed from sweep_cursor"))
            return max(0, left)

        if await until_none(cycles_left, every=0):
            return [Wrong("the sweep does not come to the end of a cycle", left)]
        return []

    def counting(self, rows: str) -> Callable[[], Awaitable[int]]:
        """What counts some rows, as SQL names them behind `from`."""

        async def count() -> int:
            return int(await self.database.fetchval(f"select count(*) from {rows}"))  # noqa: S608

        return count

    async def change(self, statement: str, rows: str) -> None:
        """Run a statement that leaves out what others are changing, until no row is left."""
        left = self.counting(rows)

        async def change() -> int:
            await self.database.execute(statement)
            return await left()

        await until_none(change)

    async def _in_thread(self, start: Callable[..., T], *arguments: Any) -> T:
        """Start something; if that is cancelled, `close` still waits for it and ends it."""
        starting = asyncio.ensure_future(asyncio.to_thread(start, *arguments))
        self._under_way.add(starting)
        return await asyncio.shield(starting)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()
            return " ".join(lines[-3:]) or "it said nothing"
        return "it said nothing"


def gateway_arguments(options: Options, nodes: int, quota: int | None) -> list[str]:
    """What `wsgate` is told; `{port}` stands for its port."""
    given = {
        "PushEndpoint": "http://127.0.0.1:{port}/live",
        "SocketUrl": "ws://127.0.0.1:{port}/live",
        "GraceSeconds": options.grace,
        "ConnectionsPerSecond": options.connections_per_second,
        "SweepRequestsPerSecond": min(10_000, round(1_000 * options.scale)),
    }
    arguments = ["--quiet", "--no-console", "--nodes", str(nodes)]
    arguments += ["--concurrency", str(options.concurrency)]
    for name, value in given.items():
        arguments += ["--parameter", f"{name}={value}"]
    if quota is not None:
        # Only new connections: a clock that runs faster would need more of the others, too.
        arguments += ["--quotas", f"connections={quota},requests=100000,burst=100000"]
    return arguments


async def ask(base_url: str, token: str, method: str, path: str, body: object = None) -> Any:
    """The answer of an HTTP API, which may be busy for a while. Raises OSError.

    Only for what may be asked again: what makes something names it by an id of ours.
    """
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return await asyncio.to_thread(call, base_url, token, method, path, body)
        except OSError as error:
            is_final = isinstance(error, urllib.error.HTTPError) and error.code not in BUSY
            if is_final or time.monotonic() > give_up:
                raise
        await asyncio.sleep(1)


def call(base_url: str, token: str, method: str, path: str, body: object = None) -> Any:
    """A request with the service token. Raises OSError."""
    request = urllib.request.Request(  # noqa: S310 our own address
        f"{base_url}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            return json.load(answer)
    except http.client.HTTPException as error:
        raise ConnectionError(f"{method} {path}: {error!r}") from error


def _is_alive(pid: int) -> bool:
    """Whether a child of ours runs; one that ended stays until it is waited for."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return not Path("/proc/self").exists()
