"""Python objects between the run and a process of its own making, as frames on a socket pair."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator

_HEAD = 8


class Pipe:
    """One end. The other end is trusted: it is the same program."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, sock: socket.socket) -> Pipe:
        return cls(*await asyncio.open_connection(sock=sock))

    def send(self, thing: object) -> None:
        """Return at once; once the other end is closed, this does nothing."""
        body = pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)
        self._writer.write(len(body).to_bytes(_HEAD, "big") + body)

    async def things(self) -> AsyncIterator[Any]:
        """What comes, until the other end is closed."""
        try:
            while True:
                size = int.from_bytes(await self._reader.readexactly(_HEAD), "big")
                yield pickle.loads(await self._reader.readexactly(size))  # noqa: S301 see the class
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    def close(self) -> None:
        self._writer.close()
