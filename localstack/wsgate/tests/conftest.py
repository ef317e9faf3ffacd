"""The fixtures of all tests: the command in a process of its own, a browser, templates."""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from browsers import browser, device, problems
from command import SAMPLE, Command, spawn_under
from templates import plan_of, refusal_of, told_of
from waiting import PATIENCE_SECONDS, in_time
from wsgate.loops import loop_factory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

__all__ = ["browser", "device", "plan_of", "problems", "refusal_of", "told_of", "wsgate"]

# No verdict by the machine's speed.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# The loop that the gateway's own processes run on: another reads, pauses and closes differently.
_LOOPS = {"own": loop_factory()}


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return _LOOPS


@pytest.fixture
def unused_tcp_port() -> int:
    """In place of pytest-asyncio's, which the system may give to a client before the test listens.

    These lie below the ports that Linux (32768 and up) and macOS (49152 and up) give to clients.
    """
    while True:
        port = random.SystemRandom().randint(10_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@pytest.fixture
def wsgate(unused_tcp_port: int) -> Callable[..., AbstractAsyncContextManager[Command]]:
    """Start the command on a free port, wait until it is ready, and end it."""

    @asynccontextmanager
    async def start(
        *arguments: str, under: Sequence[str] = (), **environment: str
    ) -> AsyncIterator[Command]:
        ours = ("--template", str(SAMPLE), "--port", str(unused_tcp_port))
        process = await spawn_under(under, (*ours, *arguments), environment)
        command = Command(process, f"127.0.0.1:{unused_tcp_port}")
        assert process.stderr is not None
        reading = asyncio.create_task(_keep(process.stderr, command.errors))
        try:
            await _ready(command)
            yield command
        finally:
            if process.returncode is None:
                process.terminate()
            await in_time(process.wait())
            await reading

    return start


async def _ready(command: Command) -> None:
    assert command.process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while b"HTTP API" not in (line := await command.process.stdout.readline()):
            assert line, "\n".join(command.errors)


async def _keep(stream: asyncio.StreamReader, lines: list[str]) -> None:
    async for line in stream:
        lines.append(line.decode().rstrip())
