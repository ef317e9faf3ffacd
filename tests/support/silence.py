"""Neighbours that hang: they accept connections and answer nothing, as after SIGSTOP."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import asyncpg

from tests.support.processes import descendants, parent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class SilentPort:
    """The system accepts connections for it, and nothing ever reads them."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.port: int = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._accepted: list[socket.socket] = []

    @property
    def asked(self) -> int:
        """How many connections have come."""
        with suppress(BlockingIOError):
            while True:
                self._accepted.append(self._listening.accept()[0])
        return len(self._accepted)

    @property
    def is_left(self) -> bool:
        """Whether all of them have been closed by those who opened them."""
        return bool(self.asked) and all(map(_is_left, self._accepted))

    def close(self) -> None:
        for one in self._accepted:
            one.close()


def _is_left(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        while one.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


@contextmanager
def silent_port() -> Iterator[SilentPort]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        silent = SilentPort(listening)
        yield silent
        silent.asked  # noqa: B018  # accept what has come, to close it
        silent.close()


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Processes that hang, with all of their children, until they go on at the end."""
    everyone = {*pids}.union(*map(descendants, pids))
    _signal(everyone, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(everyone, signal.SIGCONT)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    """To those that are still there: a server's children come and go."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def server_of(dsn: str) -> int:
    """The process of a PostgreSQL server whose children serve its connections."""
    db = await asyncpg.connect(dsn)
    backend: int = await db.fetchval("select pg_backend_pid()")
    server = parent(backend)
    await db.close()
    return server
