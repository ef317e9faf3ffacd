"""Starts moto for what the template has, and makes it there, empty."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from wsgate import moto_program
from wsgate.functions.local_aws import session
from wsgate.model.reach import ENDPOINT, MADE
from wsgate.stand_ins import server
from wsgate.stand_ins.making import make
from wsgate.stand_ins.server import Order
from wsgate.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wsgate.model.plan import Plan, Reached

_START_LIMIT: Final = timedelta(seconds=60)
_LAST_LINES: Final = 20
_BACKLOG: Final = 128


class StandInError(Exception):
    """moto did not start; the message has what it said."""


class StandIns:
    """moto as a child process, with a port for each service that the template needs."""

    def __init__(self, plan: Plan, token: str, environment: Mapping[str, str]) -> None:
        """Take the ports. `environment` may name a service's endpoint, which is left alone then."""
        self._plan, self._token = plan, token
        self._resources = [
            one
            for one in plan.reached
            if one.kind in MADE and not environment.get(f"{ENDPOINT}_{one.service}")
        ]
        self._listeners = {
            service: socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
            for service in dict.fromkeys(one.service for one in self._resources)
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def variables(self) -> dict[str, str]:
        """What leads an SDK to them."""
        return {f"{ENDPOINT}_{name}": self._url(name) for name in self._listeners}

    async def start(self) -> tuple[list[str], list[str]]:
        """Make what can be made; return the logical ids, and a sentence for each that cannot.

        Raises StandInError.
        """
        if not self._listeners:
            return [], []
        await self._launch()
        return await in_thread(self._make)

    async def close(self) -> None:
        """End it; it keeps nothing."""
        for listener in self._listeners.values():
            listener.close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def _url(self, service: str) -> str:
        return f"http://127.0.0.1:{self._listeners[service].getsockname()[1]}"

    async def _launch(self) -> None:
        files = {name: listener.fileno() for name, listener in self._listeners.items()}
        order = Order({name.lower(): number for name, number in files.items()}, self._token)
        process = self._process = await moto_program.start(
            server.__name__, asdict(order), files.values(), self._plan.account
        )
        await self._until_ready(process)

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        said = deque[str](maxlen=_LAST_LINES)
        assert process.stdout is not None  # noqa: S101 asked for in start
        try:
            async with asyncio.timeout(_START_LIMIT.total_seconds()):
                async for line in process.stdout:
                    said.append(line.decode(errors="replace").rstrip())
                    if said[-1] == moto_program.READY:
                        return
        except TimeoutError:
            raise StandInError("moto did not start within a minute") from None
        raise StandInError("\n".join(("moto ended:", *said)))

    def _make(self) -> tuple[list[str], list[str]]:
        made, failed = [], []
        clients = dict(self._clients())
        for resource in self._resources:
            problem = make(clients[resource.service], resource, self._plan.region)
            if problem is None:
                made.append(resource.logical_id)
            else:
                failed.append(f"{_named(resource)} cannot be made on moto: {problem}")
        return made, failed

    def _clients(self) -> Iterator[tuple[str, Any]]:
        made: Any = session(self._plan.region, self._token)  # its stubs take literals only
        for name in self._listeners:
            yield name, made.client(name.lower(), endpoint_url=self._url(name))


def _named(resource: Reached) -> str:
    return f"{resource.logical_id} ({resource.kind})"
