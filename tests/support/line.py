"""A way to a server that can be cut, or hang."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Line:
    """A relay to a server, on a port of 127.0.0.1 that stays the same."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.at = 0
        self.is_flowing = asyncio.Event()
        self.is_flowing.set()
        self.server: asyncio.Server | None = None
        self.relays: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        self.server = await asyncio.start_server(self._relay, "127.0.0.1", self.at)
        self.at = self.server.sockets[0].getsockname()[1]

    @contextmanager
    def held(self) -> Iterator[None]:
        """The server seems to hang: connections come about, and nothing passes until the end."""
        self.is_flowing.clear()
        yield
        self.is_flowing.set()

    async def cut(self) -> None:
        assert self.server is not None
        self.server.close()
        for relay in self.relays:
            relay.cancel()
        await asyncio.gather(*self.relays, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.relays.add(task)
        try:
            with suppress(ConnectionError):  # of a server that is not there
                await self._join_ends(reader, writer)
        finally:
            self.relays.discard(task)
            writer.transport.abort()

    async def _join_ends(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.host, self.port)
        try:
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        finally:
            back.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                await self.is_flowing.wait()
                target.write(data)
                await target.drain()
        target.transport.abort()
